"""The models of the matrix: small ones of each architecture, and real shapes up to 70 billion parameters.

The numbers of the real ones are those of their published configurations. The files have holes for weights.
"""

from __future__ import annotations

from tools.fitmatrix.models import Q, Shape

K = Q.Q4_K

LATENT = (
    ("{arch}.attention.kv_lora_rank", 512),
    ("{arch}.attention.q_lora_rank", 256),
    ("{arch}.rope.dimension_count", 64),
    ("{arch}.attention.key_length_mla", 192),
    ("{arch}.attention.value_length_mla", 128),
    ("{arch}.leading_dense_block_count", 2),
    ("{arch}.expert_shared_count", 0),
    ("{arch}.expert_feed_forward_length", 256),
)
STATE = (
    ("{arch}.ssm.inner_size", 2048),
    ("{arch}.ssm.state_size", 16),
    ("{arch}.ssm.conv_kernel", 4),
    ("{arch}.ssm.time_step_rank", 64),
)
STATE_2 = (
    ("{arch}.ssm.inner_size", 2048),
    ("{arch}.ssm.state_size", 128),
    ("{arch}.ssm.conv_kernel", 4),
    ("{arch}.ssm.time_step_rank", 32),
    ("{arch}.ssm.group_count", 1),
)
SCALED = (("{arch}.logit_scale", 8.0),)
ENCODER = (("tokenizer.ggml.token_type_count", 2), ("{arch}.attention.causal", False), ("{arch}.pooling_type", 1))
LITE = (
    ("{arch}.attention.kv_lora_rank", 512),
    ("{arch}.rope.dimension_count", 64),
    ("{arch}.attention.key_length_mla", 192),
    ("{arch}.attention.value_length_mla", 128),
    ("{arch}.leading_dense_block_count", 1),
    ("{arch}.expert_shared_count", 2),
)

SMALL = (
    Shape("llama", "llama", layers=4, embedding=1024, heads=16, kv_heads=8, forward=4096, vocabulary=32000),
    Shape("qwen2", "qwen2", embedding=896, heads=14, kv_heads=2, forward=4864, vocabulary=151936, tied=True),
    Shape("qwen3", "qwen3", embedding=1024, heads=16, kv_heads=8, head=128, vocabulary=151936, forward=3072),
    Shape("qwen3moe", "qwen3moe", embedding=1024, heads=16, experts=32, experts_used=8, forward=768),
    Shape("gemma2", "gemma2", layers=6, embedding=1024, heads=8, window=512, tied=True, forward=4096),
    Shape("gemma3", "gemma3", layers=12, embedding=1152, heads=4, head=256, kv_heads=1, window=512, forward=6912),
    Shape("phi3", "phi3", embedding=1024, heads=16, kv_heads=16, forward=3072, vocabulary=32064),
    Shape("mistral", "llama", embedding=1024, heads=8, head=128, kv_heads=2, forward=3584, vocabulary=131072),
    Shape("deepseek2", "deepseek2", embedding=512, heads=16, kv_heads=1, head=576, value=512, keys=LATENT),
    Shape("granite", "granite", embedding=1024, heads=16, kv_heads=4, forward=4096, vocabulary=49155, keys=SCALED),
    Shape("starcoder2", "starcoder2", embedding=1024, heads=16, kv_heads=2, forward=4096, vocabulary=49152),
    Shape("mamba", "mamba", layers=4, embedding=1024, forward=0, vocabulary=32000, keys=STATE),
    Shape(
        "hybrid", "granitehybrid", layers=4, embedding=1024, heads=8, head=128, kv_heads=(0, 0, 4, 0), forward=2048,
        vocabulary=49155, keys=STATE_2,
    ),
    Shape(
        "bert", "bert", layers=6, embedding=384, heads=12, kv_heads=12, head=32, forward=1536, vocabulary=30522,
        trained=512, keys=ENCODER,
    ),
)  # fmt: skip

REAL = (
    Shape(
        "Llama 3.2 1B", "llama", layers=16, embedding=2048, heads=32, kv_heads=8, head=64, forward=8192,
        vocabulary=128256, tied=True, kind=K,
    ),
    Shape(
        "Llama 3.1 8B", "llama", layers=32, embedding=4096, heads=32, kv_heads=8, head=128, forward=14336,
        vocabulary=128256, kind=K,
    ),
    Shape(
        "Llama 3.3 70B", "llama", layers=80, embedding=8192, heads=64, kv_heads=8, head=128, forward=28672,
        vocabulary=128256, kind=K,
    ),
    Shape(
        "Mistral 7B", "llama", layers=32, embedding=4096, heads=32, kv_heads=8, head=128, forward=14336,
        vocabulary=32768, kind=K,
    ),
    Shape(
        "Qwen2.5 7B", "qwen2", layers=28, embedding=3584, heads=28, kv_heads=4, head=128, forward=18944,
        vocabulary=152064, kind=K,
    ),
    Shape(
        "Qwen3 0.6B", "qwen3", layers=28, embedding=1024, heads=16, kv_heads=8, head=128, forward=3072,
        vocabulary=151936, tied=True, kind=K,
    ),
    Shape(
        "Qwen3 4B", "qwen3", layers=36, embedding=2560, heads=32, kv_heads=8, head=128, forward=9728,
        vocabulary=151936, tied=True, kind=K,
    ),
    Shape(
        "Qwen3 30B A3B", "qwen3moe", layers=48, embedding=2048, heads=32, kv_heads=4, head=128, forward=6144,
        experts=128, experts_used=8, expert_forward=768, vocabulary=151936, kind=K,
    ),
    Shape(
        "Gemma 2 9B", "gemma2", layers=42, embedding=3584, heads=16, kv_heads=8, head=256, forward=14336,
        vocabulary=256000, window=4096, tied=True, kind=K,
        keys=(("{arch}.attn_logit_softcapping", 50.0), ("{arch}.final_logit_softcapping", 30.0)),
    ),
    Shape(
        "Gemma 3 4B", "gemma3", layers=34, embedding=2560, heads=8, kv_heads=4, head=256, forward=10240,
        vocabulary=262144, window=1024, tied=True, kind=K,
    ),
    Shape(
        "Gemma 3 27B", "gemma3", layers=62, embedding=5376, heads=32, kv_heads=16, head=128, forward=21504,
        vocabulary=262144, window=1024, tied=True, kind=K,
    ),
    Shape(
        "Phi 3.5 mini", "phi3", layers=32, embedding=3072, heads=32, kv_heads=32, head=96, forward=8192,
        vocabulary=32064, kind=K,
    ),
    Shape(
        "DeepSeek V2 Lite", "deepseek2", layers=27, embedding=2048, heads=16, kv_heads=1, head=576, value=512,
        forward=10944, experts=64, experts_used=6, expert_forward=1408, shared=2816, dense=1, vocabulary=102400,
        kind=Q.Q8_0, keys=LITE,
    ),
    Shape(
        "Granite 3.3 8B", "granite", layers=40, embedding=4096, heads=32, kv_heads=8, head=128, forward=12800,
        vocabulary=49159, kind=K, keys=SCALED, tied=True,
    ),
    Shape(
        "StarCoder2 3B", "starcoder2", layers=30, embedding=3072, heads=24, kv_heads=2, head=128, forward=12288,
        vocabulary=49152, kind=K, tied=True,
    ),
    Shape(
        "Mamba 2.8B", "mamba", layers=64, embedding=2560, forward=0, vocabulary=50280, kind=K, tied=True,
        keys=(
            ("{arch}.ssm.inner_size", 5120), ("{arch}.ssm.state_size", 16), ("{arch}.ssm.conv_kernel", 4),
            ("{arch}.ssm.time_step_rank", 160),
        ),
    ),
    Shape(
        "Granite 4.0 H Tiny", "granitehybrid", layers=40, embedding=1536, heads=12, head=128,
        kv_heads=tuple(4 if i in (5, 15, 25, 35) else 0 for i in range(40)), forward=512, experts=64, experts_used=6,
        shared=1024, vocabulary=100352, kind=K, tied=True,
        keys=(
            ("{arch}.ssm.inner_size", 3072), ("{arch}.ssm.state_size", 128), ("{arch}.ssm.conv_kernel", 4),
            ("{arch}.ssm.time_step_rank", 48), ("{arch}.ssm.group_count", 1),
        ),
    ),
    Shape(
        "MiniLM L6", "bert", layers=6, embedding=384, heads=12, kv_heads=12, head=32, forward=1536,
        vocabulary=30522, trained=512, kind=Q.Q8_0, keys=ENCODER,
    ),
    Shape(
        "mxbai-embed-large", "bert", layers=24, embedding=1024, heads=16, kv_heads=16, head=64, forward=4096,
        vocabulary=30522, trained=512, kind=Q.Q8_0, keys=ENCODER,
    ),
)  # fmt: skip
