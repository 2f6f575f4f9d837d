"""What is built: one pinned version, and the flags of every back-end."""

from __future__ import annotations

from dataclasses import dataclass

DISTRIBUTION = "llama-cpp-python"
VERSION = "0.3.36"

# Free of what OffGrid has no use for, so that there is less to compile and less to go wrong. OpenMP is off because its
# threads spin: measured, decoding falls to a tenth of its speed as soon as another process wants a core, while ggml's
# own threads keep half or more; on a quiet machine the two are equal.
_COMMON = ("-DGGML_OPENMP=OFF", "-DGGML_NATIVE=ON")


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to compute. `tool` is the compiler it needs beside C++, `package` the Debian package that has it."""

    name: str
    label: str
    flags: tuple[str, ...] = ()
    tool: str = ""
    package: str = ""

    @property
    def cmake_args(self) -> str:
        return " ".join((*_COMMON, *self.flags))


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("cpu", "this CPU"),
        Backend("cuda", "NVIDIA GPUs (CUDA)", ("-DGGML_CUDA=ON",), "nvcc", "nvidia-cuda-toolkit"),
        Backend("rocm", "AMD GPUs (ROCm)", ("-DGGML_HIP=ON",), "hipcc", "hipcc"),
        Backend("vulkan", "GPUs by Vulkan", ("-DGGML_VULKAN=ON",), "glslc", "glslc libvulkan-dev"),
        Backend("metal", "Apple GPUs (Metal)", ("-DGGML_METAL=ON",)),
    )
}
