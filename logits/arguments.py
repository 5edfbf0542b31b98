"""What may be handed in: logits, masks and indices that fit each other, or an error that says which do not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "NDArray[Any] | torch.Tensor"
Indices: TypeAlias = "Sequence[int] | NDArray[np.integer[Any]] | torch.Tensor"

# The integers of the same size, and the bits of -inf as one of them.
MINUS_INFINITY = {
    "float16": ("int16", -0x400),
    "bfloat16": ("int16", -0x80),
    "float32": ("int32", -0x800000),
    "float64": ("int64", -0x10000000000000),
}


def is_tensor(value: object) -> bool:
    """Whether it is torch's, which is not loaded to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def check_logits(logits: Any) -> None:
    """Raise GramaskError unless it is float[B, V], an array or a tensor that may be written to."""
    if is_tensor(logits):
        if logits.requires_grad:
            raise GramaskError(
                "logits that require gradients cannot be masked in place", hint="pass logits.detach()"
            )
        type_name = str(logits.dtype).removeprefix("torch.")
    elif isinstance(logits, np.ndarray):
        if not logits.flags.writeable:
            raise GramaskError("the logits are read-only, and would be masked in place", hint="pass a copy")
        type_name = logits.dtype.name if logits.dtype.isnative else str(logits.dtype)
    else:
        raise GramaskError(
            f"logits of type {type(logits).__name__} cannot be masked",
            hint="pass a NumPy array or a torch tensor",
        )
    if type_name not in MINUS_INFINITY:
        raise GramaskError(
            f"logits of dtype {type_name} cannot be masked", hint=f"convert to {' or '.join(MINUS_INFINITY)}"
        )
    if logits.ndim != 2:
        raise GramaskError(
            f"logits of shape {tuple(logits.shape)} are not [batch, vocabulary]",
            hint="for one row, pass logits[None] and masks[None]",
        )
    strides = logits.stride() if is_tensor(logits) else logits.strides
    if 0 in strides and 0 not in logits.shape and any(n > 1 and not s for n, s in zip(logits.shape, strides)):
        raise GramaskError("logits that share memory with each other cannot be masked", hint="pass a copy")


def check_masks(masks: Any, logits: Array) -> None:
    """Raise GramaskError unless it is a contiguous int32[n, W] of the same library and device as the logits."""
    tensor = is_tensor(logits)
    if not (is_tensor(masks) if tensor else isinstance(masks, np.ndarray)):
        library, hint = (
            ("torch", "pass torch.from_numpy(masks)") if tensor else ("NumPy", "pass masks.numpy()")
        )
        raise GramaskError(
            f"masks of type {type(masks).__name__} do not fit the logits, which are {library}'s", hint=hint
        )
    if str(masks.dtype).removeprefix("torch.") != "int32":
        raise GramaskError(
            f"masks of dtype {masks.dtype} are not packed masks",
            hint="bit t % 32 of word t // 32 of int32 words; view unsigned words as int32",
        )
    if masks.ndim != 2:
        raise GramaskError(
            f"masks of shape {tuple(masks.shape)} are not [batch, words]", hint="pass masks[None] for one row"
        )
    if not (masks.is_contiguous() if tensor else masks.flags.c_contiguous):
        raise GramaskError("the words of the masks are not contiguous", hint="pass a contiguous copy")
    if tensor and masks.device != logits.device:
        raise GramaskError(
            f"the masks are on {masks.device}, the logits on {logits.device}",
            hint="pass masks.to(logits.device, non_blocking=True)",
        )


def check_count(n_masks: int, n_logits: int) -> None:
    if n_masks != n_logits:
        raise GramaskError(
            f"{n_masks} masks do not fit {n_logits} rows of logits",
            hint="pass indices: the row of the logits that each mask is for",
        )


def host_indices(indices: Indices, n_masks: int, n_rows: int) -> NDArray[np.int64]:
    """int64[n_masks] of indices that are on the host. Raises GramaskError unless each names a row of the logits."""
    given = np.asarray(indices)
    if given.size == 0:
        given = given.astype(np.int64)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise GramaskError("indices are integers, one for each mask", hint="pass a list or a vector")
    if given.size != n_masks:
        raise GramaskError(f"{given.size} indices do not fit {n_masks} masks", hint="one for each mask")
    if given.size and not (0 <= given.min() and given.max() < n_rows):
        raise GramaskError(
            f"indices from {given.min()} to {given.max()} are not all rows of logits that have {n_rows}",
            hint="count from 0; negative indices are not rows from the end",
        )
    return np.ascontiguousarray(given, dtype=np.int64)


def device_indices(indices: torch.Tensor, n_masks: int, logits: torch.Tensor) -> torch.Tensor:
    """Indices that are on the device already: their values are not looked at, which would wait for it."""
    if indices.ndim != 1 or indices.is_floating_point() or indices.shape[0] != n_masks:
        raise GramaskError("indices are integers, one for each mask", hint=f"pass a vector of {n_masks}")
    if indices.device != logits.device:
        raise GramaskError(
            f"the indices are on {indices.device}, the logits on {logits.device}", hint="pass them as a list"
        )
    return indices.contiguous()
