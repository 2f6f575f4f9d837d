"""What the quantisations mean: bits, size, and what they cost in quality and speed. The guide, and its figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantisation:
    """One recipe. `bits` for each weight, averaged over a model of some billion parameters, of which llama.cpp keeps
    some matrices wider; `quality` as a part of what 16 bits give: an order, and no measurement."""

    name: str
    bits: float
    quality: float
    words: str
    speed: str

    @property
    def factor(self) -> float:
        """Its size beside that of 16 bits."""
        return self.bits / 16

    def size(self, parameters: int) -> int:
        """Bytes of a model with so many parameters, within some percent."""
        return int(parameters * self.bits / 8)


# Bits: those of llama.cpp's own table for an 8-billion Llama (tools/quantize/README.md).
GUIDE = (
    Quantisation("Q2_K", 3.16, 0.70, "poor: mistakes, repetitions", "fast"),
    Quantisation("Q3_K_M", 4.00, 0.86, "noticeably worse", "fast"),
    Quantisation("Q4_0", 4.66, 0.92, "a little worse", "fastest where the processor has it"),
    Quantisation("Q4_K_M", 4.89, 0.95, "hardly worse: the usual choice", "fast"),
    Quantisation("Q5_K_M", 5.70, 0.975, "very close", "a sixth slower than Q4_K_M"),
    Quantisation("Q6_K", 6.56, 0.99, "almost the same", "a quarter slower"),
    Quantisation("Q8_0", 8.50, 0.998, "the same but in theory", "half as fast"),
    Quantisation("F16", 16.0, 1.0, "as it was trained", "a third as fast"),
)
_QUALITY = {one.name: one.quality for one in GUIDE} | {
    "Q2_K_S": 0.66,
    "Q3_K_S": 0.82,
    "Q3_K_L": 0.88,
    "Q4_1": 0.93,
    "Q4_K_S": 0.94,
    "Q5_0": 0.96,
    "Q5_1": 0.965,
    "Q5_K_S": 0.97,
    "IQ1_S": 0.4,
    "IQ1_M": 0.45,
    "IQ2_XXS": 0.55,
    "IQ2_XS": 0.6,
    "IQ2_S": 0.63,
    "IQ2_M": 0.67,
    "IQ3_XXS": 0.78,
    "IQ3_XS": 0.81,
    "IQ3_S": 0.83,
    "IQ3_M": 0.85,
    "IQ4_XS": 0.94,
    "IQ4_NL": 0.94,
    "MXFP4": 0.95,
    "NVFP4": 0.95,
    "BF16": 1.0,
    "F32": 1.0,
}
_UNKNOWN = 0.9


def quality_of(name: str) -> float:
    """An order of quantisations by what is left of the model, 1 for 16 bits; unknown names are taken for middling."""
    return _QUALITY.get(name.upper().removeprefix("UD-").replace("-", "_"), _UNKNOWN)
