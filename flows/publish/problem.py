"""What goes wrong while a corpus is published: at which step, and what readers see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medloom.flows.problem import mask_secrets
from medloom.schemas.errors import MedloomError


class PublishError(MedloomError):
    """A corpus can't be published, or a step of publishing it failed. No text of it carries a secret."""

    def __init__(self, words: str) -> None:
        super().__init__(mask_secrets(words))


@contextmanager
def step(name: str, readers: str) -> Iterator[None]:
    """A step that talks to the Hub: what fails in it is told by its name, with what `readers` see by then."""
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except PublishError:
        raise
    except HFValidationError as error:
        raise PublishError(f"{name}: {error}") from None
    except Exception as error:  # the client's, its transport's and hf_xet's errors have no common base
        told = " ".join(f"{type(error).__name__}: {_cause(error)}".split())
        raise PublishError(
            f"{name} failed ({told[:400]}). {readers}. Run the same command again: it goes on where this one stopped"
        ) from error


def _cause(error: BaseException) -> str:
    """The words of the error beneath, where the client wraps it."""
    inner = error.__cause__ or error.__context__
    text = str(error)
    return text if text or inner is None else str(inner)
