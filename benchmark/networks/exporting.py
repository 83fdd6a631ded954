"""Networks for other programs: a plain state dict, TorchScript, ONNX."""

import io
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from lightning.pytorch.core.module import _jit_is_scripting
from torch import Tensor, nn

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import whole

from ..evidence import record
from . import timm_form
from .ensemble import Ensemble
from .network import Network, example

Format = Literal["state_dict", "torchscript", "onnx"]
TOLERANCE = 1e-4  # by which onnxruntime's probabilities may differ from torch's


class Portable(nn.Module):
    """A network in float32 throughout: uint8 [B, C, H, W] -> probabilities [B, K].

    Runtimes of ONNX do not know every operation in float64.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities [B, K], float32."""
        network, normality = self.network, self.network.about.normality
        given = network.normalise(image)
        if normality is None:
            logits: Tensor = network.method(given)
            return logits.float().softmax(1)
        score = normality.standardised(network.method.abnormality(given).float())
        return torch.stack([torch.zeros_like(score), score], 1).softmax(1)


def export(network: Network, form: str, out: Path, beside: Path) -> Iterator[str]:
    """Write a network, and what is in the file as JSON beside it.

    Args:
        network: to write.
        form: ``state_dict``, ``torchscript`` or ``onnx``.
        out: the file.
        beside: the description.

    Yields:
        Lines for the user.

    Raises:
        MedtailError: another form, or a network that has none of this form.
    """
    writers: dict[str, Callable[[Network, Path], dict[str, Any]]] = {
        "state_dict": _state_dict,
        "torchscript": _torchscript,
        "onnx": _onnx,
    }
    if form not in writers:
        raise MedtailError(f"--format {form}: write {', '.join(get_args(Format))}")
    if isinstance(network, Ensemble):
        raise MedtailError(
            f"{network.title}: an ensemble is exported network by network: name one of its folders"
        )
    if form != "state_dict" and network.about.spec.track == "few_shot":
        raise MedtailError(
            f"{network.about}: a few-shot network learns from a support set each time, which "
            f"{form} cannot hold; export its state_dict"
        )
    with whole(out) as part:
        said = writers[form](network, part)
    about = network.about
    described = {
        "format": form,
        "trained": str(about),
        "medtail": about.medtail,
        "method": about.method,
        "params": about.params,
        "backbone": about.cell.terms.backbone,
        "class_names": about.spec.class_names,
        "image_size": about.spec.image_size,
        "channels": about.spec.in_channels,
        "normalisation": dict(zip(("mean", "std"), about.normalisation, strict=True)),
        "abnormal_above": None
        if about.normality is None
        else torch.tensor(about.normality.threshold).sigmoid().item(),
    } | said
    record.write(beside, json.dumps(described, indent=1) + "\n")
    yield f"{about}: {form} -> {out}"
    yield f"what is in it: {beside}"


def _state_dict(network: Network, path: Path) -> dict[str, Any]:
    state, said = timm_form.state_dict(network)
    torch.save(state, path)
    return said


IO = {
    "input": "uint8 images [B, C, H, W], 0 to 255; normalised within",
    "output": "probabilities [B, K] in the order of class_names",
}


def _torchscript(network: Network, path: Path) -> dict[str, Any]:
    with refused(network, "torchscript"), torch.no_grad(), _jit_is_scripting():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            network, (example(network),), check_trace=False
        )
        torch.jit.save(traced, path)
        again = torch.jit.load(path)  # type: ignore[no-untyped-call]
    _compare(network, again, 0.0, "torchscript")
    return IO | {"precision": "as scored: equal to medtail's own to the last bit on a CPU"}


def _onnx(network: Network, path: Path) -> dict[str, Any]:
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter asks for it
    except ImportError as error:
        raise MedtailError("onnx is not installed: pip install 'medtail[export]'") from error
    given = example(network)
    with refused(network, "onnx"):
        torch.onnx.export(
            Portable(network).eval(),
            (given,),
            path,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["image"],
            output_names=["probabilities"],
            external_data=False,
            verbose=False,
        )
    dim = onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0]
    if not dim.dim_param:
        raise MedtailError(
            f"{network.about}: {network.about.method} can be written as onnx for {len(given)} "
            "images at a time only; take --format state_dict"
        )
    return IO | {"precision": f"float32: within {TOLERANCE:g} of medtail's own"}


def _compare(
    network: Network, other: Callable[[Tensor], Tensor], tolerance: float, form: str
) -> None:
    """Refuse a copy that does not say what the network says, of other numbers of images, too."""
    given = example(network)
    for images in (given, given[:1], given.repeat(3, 1, 1, 1)):
        with torch.no_grad():
            far = float((other(images) - network(images)).abs().max())
        if not far <= tolerance:
            raise MedtailError(
                f"{network.about}: its {form} differs by {far:.2g} from the network itself"
            )


@contextmanager
def refused(network: Network, form: str) -> Iterator[None]:
    """Make one line of whatever a tracer says; it knows errors of a dozen kinds."""
    said = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    except MedtailError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise MedtailError(
            f"{network.about}: {network.about.method} cannot be written as {form} ({reason}); "
            "take --format state_dict"
        ) from error
