"""Networks as plain ``torch.nn.Module``; they know nothing of training."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from sportsml_lite.errors import UserError


class MLP(nn.Module):
    r"""Multi-layer perceptron for one number: hidden layers with ReLU, then a linear output.

    .. math:: h_0 = x, \quad h_l = \max(0, W_l h_{l-1} + b_l), \quad p = w^\top h_L + c

    Parameters
    ----------
    n_features : D, columns of X
    hidden : units of each hidden layer; the book's model has two of 100

    Raises
    ------
    UserError if a size is not a whole number above 0, or there is no hidden layer
    """

    def __init__(self, n_features: int, hidden: tuple[int, ...] = (100, 100)):
        super().__init__()
        sizes = (n_features, *hidden)
        if len(sizes) < 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise UserError(f"MLP: layers of {sizes} units; give whole numbers above 0, e.g. 100")
        layers = []
        for below, above in itertools.pairwise(sizes):
            layers += [nn.Linear(below, above), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """(N, D) features to (N,) predictions: never (N, 1), which would broadcast."""
        return self.layers(X).squeeze(-1)


class ChannelNorm(nn.Module):
    r"""Each time step by itself: mean 0 and variance 1 over the channels, then scale and shift.

    .. math:: y_{ct} = \gamma_c \frac{x_{ct} - \mu_t}{\sqrt{\sigma_t^2 + 10^{-5}}} + \beta_c

    Statistics over time or over the batch would make a stream differ from a window, and a frozen
    layer drift.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, T) to (N, C, T)."""
        centred = x - x.mean(1, keepdim=True)
        normed = centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + 1e-5)
        return normed * self.scale[:, None] + self.shift[:, None]


class LSTMTeacher(nn.Module):
    r"""Strided convolutions, a two-way LSTM, and a pool over time (after Hochreiter 1997).

    Each convolution finds short patterns and halves the sequence; the LSTM reads it in both
    directions; mean and maximum over time and the last step are what the output layer sees.
    Padding is moved behind the recording and masked everywhere, so a padded window gives what the
    recording alone gives.

    Parameters
    ----------
    n_channels : C; n_outputs : classes, or 1 for a regression
    width : channels of the convolutions; hidden : units of each direction of the LSTM
    layers : convolutions, each with a stride of two
    dropout : share of the pooled features that training hides

    Raises
    ------
    UserError if a size is not a whole number above 0
    """

    def __init__(
        self, n_channels: int, n_outputs: int, width: int = 48, hidden: int = 64,
        layers: int = 2,
        dropout: float = 0.3,
    ):  # fmt: skip
        super().__init__()
        _check_sizes("LSTMTeacher", n_channels, n_outputs, width, hidden, layers)
        first = nn.Conv1d(n_channels, width, 7, 2, 3)
        self.front = nn.ModuleList(
            [first, *(nn.Conv1d(width, width, 5, 2, 2) for _ in range(layers - 1))]
        )
        self.norms = nn.ModuleList([ChannelNorm(width) for _ in range(layers)])
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(6 * hidden, n_outputs)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Windows (N, C, T), with mask (N, T) False in padding in front, to (N, outputs)."""
        if mask is None or bool(mask.all()):
            return self._read(x, None)
        length = mask.sum(1)
        step = torch.arange(x.shape[2], device=x.device)
        # The recording first, padding behind it.
        order = (step + (x.shape[2] - length)[:, None]) % x.shape[2]
        x = torch.gather(x, 2, order[:, None].expand_as(x))
        return self._read(x * (step < length[:, None])[:, None], length)

    def _read(self, x, length) -> torch.Tensor:
        for conv, norm in zip(self.front, self.norms, strict=True):
            x = norm(conv(x)).relu()
            if length is not None:
                length = (length + 1) // 2
                inside = torch.arange(x.shape[2], device=x.device) < length[:, None]
                x = x * inside[:, None]
        if length is None:
            states = self.lstm(x.mT)[0]
            pooled = [states.mean(1), states.amax(1), states[:, -1]]
            return self.head(self.dropout(torch.cat(pooled, 1)))
        packed = nn.utils.rnn.pack_padded_sequence(
            x.mT, length.cpu(), batch_first=True, enforce_sorted=False
        )
        states = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=x.shape[2]
        )[0]
        mean = states.sum(1) / length[:, None]
        top = states.masked_fill(~inside[..., None], -torch.inf).amax(1)
        last = states[torch.arange(len(x)), length - 1]
        return self.head(self.dropout(torch.cat([mean, top, last], 1)))


class LITE(nn.Module):
    r"""Light convolutions of three lengths side by side, then two depthwise-separable ones.

    After Ismail-Fawaz et al. 2023, without their fixed filters: long and short patterns are looked
    for at once, and what follows mixes them cheaply. The head sees the mean over time.

    Parameters
    ----------
    n_channels : C; n_outputs : classes, or 1 for a regression
    width : channels of each length and of what follows; kernel : the longest, samples; the others
        are half and a quarter of it

    Raises
    ------
    UserError if a size is not a whole number above 0, or the kernel is shorter than 4
    """

    DILATIONS = (2, 4)

    def __init__(self, n_channels: int, n_outputs: int, width: int = 16, kernel: int = 40):
        super().__init__()
        _check_sizes("LITE", n_channels, n_outputs, width, kernel)
        if kernel < 4:
            raise UserError(f"LITE: kernel {kernel}; its quarter is a kernel too: give 4 or more")
        lengths = [k | 1 for k in (kernel, kernel // 2, kernel // 4)]  # odd: a sample has a middle
        self.front = nn.ModuleList(
            [nn.Conv1d(n_channels, width, k, padding="same") for k in lengths]
        )
        inner = (3 * width, width)
        self.depth = nn.ModuleList(
            [nn.Conv1d(c, c, lengths[1], padding="same", groups=c, dilation=d)
             for c, d in zip(inner, self.DILATIONS, strict=True)]
        )  # fmt: skip
        self.point = nn.ModuleList([nn.Conv1d(c, width, 1) for c in inner])
        self.norms = nn.ModuleList([ChannelNorm(c) for c in (3 * width, width, width)])
        self.head = nn.Linear(width, n_outputs)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Windows (N, C, T), with mask (N, T) False in padding, to (N, outputs)."""
        seen = x.new_ones(1, 1, x.shape[2]) if mask is None else mask[:, None].to(x.dtype)
        x = torch.cat([conv(x * seen) for conv in self.front], 1)
        x = self.norms[0](x).relu() * seen
        for depth, point, norm in zip(self.depth, self.point, self.norms[1:], strict=True):
            x = norm(point(depth(x))).relu() * seen
        return self.head(x.sum(2) / seen.sum(2).clamp(min=1))


class Student(nn.Module):
    r"""Small causal network: depthwise-separable convolutions, normalised at each time step.

    A depthwise-separable convolution looks along time in each channel by itself and then mixes the
    channels at each step, with :math:`kW + W^2` weights instead of :math:`kW^2` (the idea of
    MobileNet and LITE). No output looks ahead, so a stream can be read as it comes. What the head
    sees is the mean over the window and its last step.

    Parameters
    ----------
    n_channels : C; n_outputs : classes, or 1 for a regression
    width : channels W inside; 8, 16, 24, 32 give about 1, 2, 4, 6 thousand parameters
    kernel : samples that a convolution spans; stride : samples between two steps after the first

    Raises
    ------
    UserError if a size is not a whole number above 0, or the stride is above the kernel
    """

    DILATIONS = (1, 2, 4)

    def __init__(
        self, n_channels: int, n_outputs: int, width: int = 16, kernel: int = 9, stride: int = 3
    ):
        super().__init__()
        _check_sizes("Student", n_channels, n_outputs, width, kernel, stride)
        if stride > kernel:
            raise UserError(f"Student: stride {stride} above kernel {kernel} would skip samples")
        self.kernel, self.stride = kernel, stride
        self.stem = nn.Conv1d(n_channels, width, kernel, stride)
        self.depth = nn.ModuleList(
            [nn.Conv1d(width, width, kernel, groups=width, dilation=d) for d in self.DILATIONS]
        )
        self.point = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in self.DILATIONS])
        self.norms = nn.ModuleList([ChannelNorm(width) for _ in self.DILATIONS])
        self.head = nn.Linear(2 * width, n_outputs)

    def states(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """What is known at each step, (N, W, T / stride); step i has read i + 1 strides.

        x : (N, C, T) with T a multiple of the stride; mask : (N, T), False in padding in front

        Raises
        ------
        UserError if T is no multiple of the stride
        """
        if x.shape[2] % self.stride:
            raise UserError(f"Student: windows of {x.shape[2]} samples and a stride of "
                            f"{self.stride}; give a multiple of it")  # fmt: skip
        if mask is not None:
            x, mask = x * mask[:, None], self._begun(mask, x.dtype)
        x = self.stem(nn.functional.pad(x, (self.kernel - self.stride, 0)))
        x = x.relu() if mask is None else x.relu() * mask
        for depth, point, norm in zip(self.depth, self.point, self.norms, strict=True):
            reach = (self.kernel - 1) * depth.dilation[0]
            x = x + norm(point(depth(nn.functional.pad(x, (reach, 0))))).relu()
            if mask is not None:
                x = x * mask
        return x

    def _begun(self, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """(N, 1, steps): 1 from the step on into which a real sample has come."""
        return mask[:, self.stride - 1 :: self.stride][:, None].to(dtype)

    def features(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """What the head sees, (N, 2W): mean of :meth:`states` over time, and the last one."""
        states = self.states(x, mask)
        if mask is None:
            mean = states.mean(2)
        else:
            mean = states.sum(2) / self._begun(mask, x.dtype).sum(2).clamp(min=1)
        return torch.cat([mean, states[:, :, -1]], 1)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(N, C, T) to (N, outputs)."""
        return self.head(self.features(x, mask))


def count_parameters(model: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _check_sizes(name: str, *sizes: int) -> None:
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise UserError(f"{name}: sizes {sizes}; give whole numbers above 0")
