"""The progress of a long task as one line of text: bar, count, rate, elapsed and remaining time."""

WIDTH = 24  # characters of the bar


def progress_line(done: float, total: float | None, unit: str, label: str = "", details: tuple[str, ...] = (), digits: int = 0) -> str:
    """Return the line of a task. Without a known total there is no bar.

    digits  decimals of the counts

    >>> progress_line(1500, 6000, "steps", "training ", (times(1800, 1500, 6000),))
    'training [######..................]  25%  1,500/6,000 steps  30 min so far, 90 min left'
    >>> progress_line(12.34, None, "MB", "archive.gz ", digits=1)
    'archive.gz 12.3 MB'
    """
    if total is None:
        head = f"{label}{done:,.{digits}f} {unit}"
    else:
        share = min(1.0, done / total) if total else 1.0
        head = f"{label}[{'#' * round(WIDTH * share):.<{WIDTH}}] {share:4.0%}  {done:,.{digits}f}/{total:,.{digits}f} {unit}"
    return "  ".join([head, *(detail for detail in details if detail)])


def times(elapsed_s: float, done: float, total: float) -> str:
    """Return the elapsed and the remaining time; the latter assumes that the rest takes as long per unit.

    >>> times(12, 3, 4)
    '12 s so far, 4 s left'
    """
    left = f", {duration(elapsed_s * (total / done - 1))} left" if done else ""
    return f"{duration(elapsed_s)} so far{left}"


def rate(count: float, elapsed_s: float, unit: str) -> str:
    """Return a count per second of elapsed time, or the time per unit where that is over a second; "" for nothing.

    >>> rate(3000, 2.0, "images"), rate(5, 2.0, "images"), rate(30, 195.0, "steps")
    ('1,500 images/s', '2.5 images/s', '6.5 s each')
    """
    if not count:
        return ""
    per_s = count / max(elapsed_s, 1e-9)
    return f"{1 / per_s:.2g} s each" if per_s < 1 else f"{per_s:,.{0 if per_s >= 10 else 1}f} {unit}/s"


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that shows it with two digits.

    >>> duration(12), duration(180), duration(7500)
    ('12 s', '3 min', '2 h 05 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
