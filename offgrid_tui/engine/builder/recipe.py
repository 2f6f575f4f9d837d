"""What is built: one pinned version, and the flags of every back-end."""

from __future__ import annotations

from dataclasses import dataclass

DISTRIBUTION = "llama-cpp-python"
MODULE = "llama_cpp"
VERSION = "0.3.36"
SOURCE_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"  # of the source distribution
REQUIREMENT = f"{DISTRIBUTION}=={VERSION}"

# What its pyproject.toml asks for, and what scikit-build-core fetches by itself where the system has none.
BUILD_TOOLS = ("scikit-build-core>=0.9.2,<2", "cmake>=3.21,<5", "ninja>=1.11")

# With OpenMP: its threads can be told to sleep soon when they wait for one another (the worker does), while those of
# ggml's own pool spin for ever, which makes decoding many times slower as soon as another process wants a core.
# `python -m benchmarks.threads` measures both.
_COMMON = ("-DGGML_OPENMP=ON", "-DGGML_NATIVE=ON")


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to compute. `tool` is the compiler it needs beside C++, `package` the Debian packages that have it."""

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
        Backend("metal", "Apple GPUs (Metal)", ("-DGGML_METAL=ON",), "xcrun", ""),
    )
}
