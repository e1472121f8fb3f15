"""Prompts, one YAML file each; `synthesis/prompt.py` says what stands in one."""
