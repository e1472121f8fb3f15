"""Synthesis settings: who phrases, how tokens are drawn, what they may cost."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SamplingChoice(_Part):
    """How tokens are drawn. What stands here wins over the prompt files; what doesn't is theirs to say."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """0 takes the likeliest token each time."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""
    max_tokens: int | None = Field(default=None, ge=1)
    """An answer that is longer is dropped."""
    seed: int = 0
    """Another seed draws other answers, where the engine draws at all."""


class Price(_Part):
    """What a million tokens cost."""

    prompt: float = Field(default=0.0, ge=0)
    """Of prompts."""
    cached: float | None = Field(default=None, ge=0)
    """Of prompts that the engine had in its prefix cache; without, as any prompt's."""
    generated: float = Field(default=0.0, ge=0)
    """Of answers."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """ISO 4217 code."""


class Budget(_Part):
    """Where a build stops asking, cleanly: what was answered is kept, and a later build goes on. It counts what this
    run asks, not what the cache answers."""

    requests: int | None = Field(default=None, ge=1)
    """Most requests."""
    tokens: int | None = Field(default=None, ge=1)
    """Most tokens, of prompts and answers."""
    cost: float | None = Field(default=None, gt=0)
    """Most money, at `price`."""


class Servers(_Part):
    """vLLM servers that medloom starts on Ray, from an environment of their own, watches, and starts again."""

    count: int = Field(default=1, ge=1)
    """So many servers of the model; requests go to whichever has least to do."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs of one server: `tensor_parallel` × `data_parallel` by default; 0 runs on the processor."""
    cpus: float = Field(default=1, ge=0)
    """Cores that Ray sets aside for one server."""
    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs that share the model's layers."""
    data_parallel: int = Field(default=1, ge=1)
    """Copies of the model in one server."""
    max_model_len: int | None = Field(default=None, ge=64)
    """Longest prompt and answer together, in tokens; the model's own limit by default."""
    python: str = ".venv-vllm/bin/python"
    """The Python that has vLLM; relative to where medloom runs (`make vllm`, `make vllm-cpu`)."""
    arguments: tuple[str, ...] = ()
    """More arguments of vLLM's server, as on its command line."""
    environment: dict[str, str] = Field(default_factory=dict)
    """More environment variables of the servers."""
    start_seconds: float = Field(default=900, gt=0)
    """A server that doesn't answer after so long has failed to start."""
    restarts: int = Field(default=3, ge=0)
    """So many times a dead server is started again."""


class EngineUse(_Part):
    """Which engine answers, and where it is."""

    engine: str = "none"
    """``none``: nobody but the templates; ``openai``: any server that speaks OpenAI's chat API (vLLM, SGLang,
    llama.cpp, a provider); ``vllm``: servers that medloom starts itself."""
    model: str | None = None
    """The model's name as the server knows it; for ``vllm`` a folder or a name that vLLM can load."""
    revision: str = ""
    """Its revision: another one asks everything again."""
    base_url: str | None = None
    """Where an ``openai`` server is, ``http://127.0.0.1:8000/v1`` say."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key. The key itself stands nowhere."""
    local: bool = False
    """Nothing that is asked leaves your own machines. Only then is it asked about credentialed sources. A ``vllm``
    engine is local."""
    concurrency: int = Field(default=64, ge=1)
    """Most requests in flight at a time."""
    timeout: float = Field(default=600, gt=0)
    """Seconds after which one request is taken for lost, and asked again."""
    attempts: int = Field(default=6, ge=1)
    """So many times one request is tried before it is dropped with a reason."""
    patience: float = Field(default=300, gt=0)
    """Seconds without a single answer, from a server that is gone or only refuses, after which the build stops."""
    price: Price | None = None
    """What tokens cost; without, nothing."""
    servers: Servers = Servers()
    """The servers of a ``vllm`` engine."""

    @field_validator("base_url")
    @classmethod
    def _is_a_server(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must begin with http:// or https:// and name a server")
        if parts.username or parts.password or parts.query:
            raise ValueError("base_url must hold no password and no query: name the key's variable in key_env")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> EngineUse:
        if self.engine in ("openai", "vllm") and not self.model:
            raise ValueError(f"the engine {self.engine!r} needs a model")
        if self.engine == "openai" and not self.base_url:
            raise ValueError("the engine 'openai' needs a base_url")
        return self

    @property
    def stays_here(self) -> bool:
        """Whether what it is asked stays on the user's own machines."""
        return self.local or self.engine in ("vllm", "none")


class Synthesis(EngineUse):
    """Which engine phrases, and at what price. Without, only templates phrase."""

    sampling: SamplingChoice = SamplingChoice()
    """How tokens are drawn."""
    budget: Budget = Budget()
    """Where a build stops asking."""
    prompts: tuple[str, ...] = ()
    """Folders of prompt files of one's own, relative to the catalog; each takes the place of ours of the same id."""
    judge: EngineUse | None = None
    """A second model, which rates what the first has written."""

    @property
    def content(self) -> dict[str, object]:
        """What changes an answer, and so a corpus: not where a server is, nor how it is asked."""
        said: dict[str, object] = {"engine": self.engine}
        if self.engine != "none":
            said |= {"model": self.model, "revision": self.revision, "sampling": self.sampling.model_dump(mode="json")}
        if self.judge is not None:
            said["judge"] = {"model": self.judge.model, "revision": self.judge.revision}
        return said
