"""Weights that need a network, or a cache that it has filled: timm's own, and the hub's."""

from collections.abc import Callable
from pathlib import Path

from medtail.datamodules.core.errors import MedtailError, first_line

from .source import Found, constants_of, found, json_of, timm_form

# As timm looks for them on the hub, and in a folder.
FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")


def of_timm(tag: str, backbone: str) -> Found:
    """Weights of timm for a backbone.

    Args:
        tag: of timm, such as ``a1_in1k``; empty for its default.
        backbone: see ``build_backbone``.

    Raises:
        MedtailError: timm has none, or none with this tag, or they cannot be had here.
    """
    import timm

    model = backbone.partition("+")[0]
    if not timm.is_model(model):
        raise MedtailError(f"weights timm: timm has none for backbone '{backbone}'")
    full = f"{model.partition('.')[0]}.{tag}" if tag else model
    try:
        config = timm.get_pretrained_cfg(full)
    except RuntimeError as error:
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{model}.*")]
        raise MedtailError(
            f"weights timm:{tag}: {model} has no such tag: {', '.join(tags) or 'it has none'}"
        ) from error
    if config is None or not (config.hf_hub_id or config.url):
        raise MedtailError(f"weights timm: timm has none for '{full}'")
    name = f"{config.architecture}.{config.tag}"
    if config.hf_hub_id:
        files = (config.hf_hub_filename,) if config.hf_hub_filename else FILES
        path = from_hub(f"timm:{name}", config.hf_hub_id, files)
    else:
        from timm.models._hub import download_cached_file

        path = had(f"timm:{name}", lambda: download_cached_file(config.url, progress=False))
    return found("timm", name, path, constants_of({"mean": config.mean, "std": config.std}))


def of_hub(name: str, backbone: str) -> Found:
    """A model that timm pushed to the Hugging Face hub: ``owner/name``, or with ``@revision``."""
    text = f"hf-hub:{name}"
    config = timm_form(text, json_of(from_hub(text, name, ("config.json",))), backbone)
    return found("hf-hub", name, from_hub(text, name, FILES), constants_of(config))


def from_hub(text: str, name: str, files: tuple[str, ...]) -> Path:
    """The first of some files that a repository of the hub has.

    Args:
        text: what the weights are called, for messages.
        name: of the repository, with ``@revision`` where there is one.
        files: names, in order of preference.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    for file in files:
        try:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        except LocalEntryNotFoundError as error:  # no network, and not in the cache
            if file == files[-1]:
                raise unreachable(text, error) from error
        except EntryNotFoundError:
            continue
        except Exception as error:  # of any kind: the network's
            raise unreachable(text, error) from error
    raise MedtailError(f"weights {text}: no {' or '.join(files)} there")


def had(text: str, get: Callable[[], str]) -> Path:
    """What a download gives; ``MedtailError`` where it gives nothing."""
    try:
        return Path(get())
    except Exception as error:  # as above
        raise unreachable(text, error) from error


def unreachable(text: str, error: Exception) -> MedtailError:
    """The error of weights that cannot be downloaded."""
    return MedtailError(
        f"weights {text} cannot be had ({first_line(error, 100)}): where the network does not "
        "allow it, bring the file and write weights: file:PATH"
    )
