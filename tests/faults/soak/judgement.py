"""Does anything grow? From a series of samples to a verdict. Pure.

Memory: a process breathes. Batches, reloads and the allocator move its resident memory up and down by megabytes within
seconds or minutes, and what glibc does not give back is reused later. A leak is what never comes down again: so the
series is cut into windows, each window stands for its *least* value, and the slope of those after the warm-up (caches
fill, code is loaded, the first large page has its size) is the middle one of all slopes between two of them (Theil and
Sen): a hill that comes and goes does not tilt it. That slope is the verdict.

One thing is no leak and tilts it all the same: a peak higher than any before (more letters at once, more readers of the
pages) leaves a higher mark, once. When the slope is too steep, or the last quarter lies higher than such a mark may
leave it, a straight line is laid with one step in it, wherever the step fits best: beside a step of a few megabytes a
flat line is flat, and a leak is still a leak. Both slopes are told.

The process runs with the service unit's `MALLOC_ARENA_MAX`: with glibc's default each thread fills a heap of its own
when its turn comes, and the sum looks like a slow leak for an hour.

Descriptors, threads, children and tasks: the first quarter after the warm-up against the last, by their middle and by
their least value. A burst at the moment of a sample changes neither.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import TypeVar

from tests.faults.soak.sampling import Sample

_KB_PER_MB = 1024
_S_PER_H = 3600
_FEWEST = 3
T = TypeVar("T")
Point = tuple[float, float]
"""Hours and megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may not exceed. `spare` is how much a count may differ between two quarters by chance."""

    warm_up_s: float
    window_s: float
    memory_mb_per_h: float = 1.0
    step_mb: float = 4.0
    spare: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Memory as a straight line, with one step in it or none."""

    mb_per_h: float
    step_mb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a series shows; `findings` says in words what is not flat, and is empty when all is.

    `stepped` is the line with one step, where the plain slope was too steep.
    """

    memory_mb_per_h: float
    stepped: Line | None
    memory_mb: tuple[float, float]
    """The least in the first and in the last window."""
    grown_mb: float
    """From the first quarter after the warm-up to the last, by their middle or by their least value: the smaller."""
    quarters: dict[str, tuple[float, float]]
    """The middle value of each count in the first and in the last quarter."""
    findings: tuple[str, ...]


_COUNTS: dict[str, tuple[Callable[[Sample], int | None], int]] = {
    "fds": (lambda sample: sample.fds, 1),
    "threads": (lambda sample: sample.threads, 1),
    "children": (lambda sample: sample.children, 1),
    "tasks": (lambda sample: sample.tasks, 2),  # as many as there is work at that moment
}
"""What is counted, and how much chance there is in it."""


def judge(series: Sequence[Sample], limits: Limits) -> Verdict:
    """Return what the samples after the warm-up show."""
    judged = [sample for sample in series if sample.at_s >= series[0].at_s + limits.warm_up_s]
    points = _least_of_windows(judged, limits.window_s)
    slope, grown_mb = _slope(points), _grown([mb for _, mb in points])
    is_suspicious = slope > limits.memory_mb_per_h or grown_mb > limits.step_mb
    stepped = _line_with_a_step(points) if is_suspicious else None
    counts = {
        name: [count for sample in judged if (count := count_of(sample)) is not None] or [0]
        for name, (count_of, _) in _COUNTS.items()
    }
    ends = {name: _ends_of(values) for name, values in counts.items()}
    return Verdict(
        memory_mb_per_h=slope,
        stepped=stepped,
        memory_mb=(round(points[0][1], 1), round(points[-1][1], 1)),
        quarters={name: (median(first), median(last)) for name, (first, last) in ends.items()},
        grown_mb=round(grown_mb, 2),
        findings=(
            *(_of_memory(slope, grown_mb, stepped, limits) if is_suspicious else ()),
            *_of_counts(counts, limits),
        ),
    )


def _grown(values: Sequence[float]) -> float:
    first, last = _ends_of(values)
    return min(min(last) - min(first), median(last) - median(first))


def _ends_of(values: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Return the first and the last quarter."""
    size = max(1, len(values) // 4)
    return values[:size], values[-size:]


def _of_memory(slope: float, grown_mb: float, stepped: Line | None, limits: Limits) -> list[str]:
    if stepped is not None and stepped.mb_per_h <= limits.memory_mb_per_h and stepped.step_mb <= limits.step_mb:
        return []
    beside = f", {stepped.mb_per_h:.2f} beside a step of {stepped.step_mb:.1f} MB" if stepped is not None else ""
    return [
        f"memory grows by {slope:.2f} MB/h{beside}, {grown_mb:.1f} MB in all; {limits.memory_mb_per_h} MB/h are allowed"
    ]


def _of_counts(counts: dict[str, list[int]], limits: Limits) -> list[str]:
    return [
        "{} grew from {} to {}".format(name, *_ends_of(values))
        for name, values in counts.items()
        if _grown(values) > limits.spare * _COUNTS[name][1]
    ]


def _slope(points: Sequence[Point]) -> float:
    return median((m - mb) / (h - hour) for (hour, mb), (h, m) in combinations(points, 2))


def _least_of_windows(series: Sequence[Sample], window_s: float) -> list[Point]:
    windows: dict[int, Sample] = {}
    for sample in series:
        number = int((sample.at_s - series[0].at_s) / window_s)
        least = windows.get(number)
        windows[number] = sample if least is None or sample.rss_kb < least.rss_kb else least
    if len(windows) < _FEWEST:
        raise ValueError("too short a series for a line")
    return [(sample.at_s / _S_PER_H, sample.rss_kb / _KB_PER_MB) for sample in windows.values()]


def _line_with_a_step(points: Sequence[Point]) -> Line | None:
    """Return the line with the one step that leaves the least unexplained, `None` when there are too few points."""
    fits = [_fit(points[:at], points[at:]) for at in range(_FEWEST, len(points) - _FEWEST + 1)]
    return min(fits, key=lambda fit: fit[1], default=(None, 0.0))[0]


def _fit(*parts: Sequence[Point]) -> tuple[Line, float]:
    """Return the least-squares line of one slope through one or two parts, and what it leaves unexplained."""
    middles = [(fmean(hour for hour, _ in part), fmean(mb for _, mb in part)) for part in parts]
    apart = [(h - hour, m - mb) for part, (hour, mb) in zip(parts, middles, strict=True) for h, m in part]
    slope = sum(h * m for h, m in apart) / sum(h * h for h, _ in apart)
    (first_hour, first_mb), (last_hour, last_mb) = middles[0], middles[-1]
    step = last_mb - first_mb - slope * (last_hour - first_hour)
    return Line(mb_per_h=slope, step_mb=step), sum((m - slope * h) ** 2 for h, m in apart)
