"""Intervals: months, days and seconds with one common sign. Source: sql-language.md, 2.4, 5.5."""

from __future__ import annotations

import math
import re

from msgspec import Struct

from datapod_server.errors import Invalid

_PAIR = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]+)", re.ASCII)
_SECONDS = {"second": 1, "s": 1, "minute": 60, "m": 60, "hour": 3600, "h": 3600}
_DAYS = {"day": 1, "d": 1, "week": 7, "w": 7}
_MONTHS = {"month": 1, "year": 12, "y": 12}
_NAMES = {"m": "minutes", "minute": "minutes", "h": "hours", "hour": "hours", "d": "days", "day": "days", "w": "weeks", "week": "weeks",
          "month": "months", "y": "years", "year": "years"}  # fmt: skip
MAXIMUM = 65_535


class Interval(Struct, frozen=True):
    """Whole months and days (0 to 65535 in size), seconds as a double; all of one sign, or zero. NaN seconds: "not an interval"."""

    months: int = 0
    days: int = 0
    seconds: float = 0.0

    @staticmethod
    def checked(months: int, days: int, seconds: float) -> Interval:
        """Raises `Invalid` for mixed signs or fields out of range."""
        for name, value in (("Months", months), ("Days", days)):
            if not -MAXIMUM <= value <= MAXIMUM:
                raise Invalid(f"{name} for time interval was out of range of -65535 to 65535")
        if min(months, days, seconds) < 0 < max(months, days, seconds):
            raise Invalid("Cannot create interval where more than one of months, days and seconds is negative")
        return Interval(months, days, seconds + 0.0)

    @staticmethod
    def parse(text: str) -> Interval:
        """Read `1Y 3 MONTH 14D 1H 16M 7.89S` and its like. Raises `Invalid`."""
        special = {"NaI": math.nan, "Inf": math.inf, "-Inf": -math.inf}.get(text.strip())
        if special is not None:
            return Interval(0, 0, special)
        body = text.strip()
        sign = -1 if body.startswith("-") else 1
        body = body[1:] if sign < 0 else body
        months = days = 0
        seconds = 0.0
        position = 0
        while position < len(body):
            match = _PAIR.match(body, position)
            if match is None:
                raise Invalid(f"Unexpected symbol parsing time interval '{text}': expected pairs of a number and a unit, as in '3d 12h'")
            unit = match[2].lower() if match[2] in (match[2].lower(), match[2].upper()) else match[2]
            if unit in _SECONDS:
                if unit not in ("s", "second") and "." in match[1]:
                    raise Invalid(f"Fractional {_NAMES[unit]} not accepted in interval")
                seconds += float(match[1]) * _SECONDS[unit]
            elif unit in _DAYS or unit in _MONTHS:
                if "." in match[1]:
                    raise Invalid(f"Fractional {_NAMES[unit]} not accepted in interval")
                count = int(min(float(match[1]), 1e9))  # far out of range, however long the text is
                days += count * _DAYS.get(unit, 0)
                months += count * _MONTHS.get(unit, 0)
            else:
                raise Invalid(
                    f"Unexpected symbol parsing time interval: '{match[2]}' is no unit (second, minute, hour, day, week, month, year)"
                )
            position = match.end()
            if not body[position:].strip():
                break
        if not body:
            raise Invalid("Unexpected symbol parsing time interval: the text is empty")
        return Interval.checked(sign * months, sign * days, sign * seconds)

    @property
    def negative(self) -> bool:
        return self.months < 0 or self.days < 0 or self.seconds < 0

    @property
    def key(self) -> tuple[float, float, float]:
        """Sorts intervals: negative before positive, then months, days, seconds in turn (reversed for negatives)."""
        return (self.months, self.days, self.seconds)

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.seconds)

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, 0.0 - self.seconds)

    def __str__(self) -> str:
        if not math.isfinite(self.seconds):
            return "NaI" if self.seconds != self.seconds else "Inf" if self.seconds > 0 else "-Inf"
        years, months = divmod(abs(self.months), 12)
        hours, rest = divmod(abs(self.seconds), 3600)
        minutes, seconds = divmod(rest, 60)
        parts = [f"{years}Y"] if years else []
        parts += [f"{months} MONTH"] if months else []
        parts += [f"{abs(self.days)}D"] if self.days else []
        # The largest unit that is there decides which smaller ones are printed, zeros included.
        if hours:
            parts.append(f"{int(hours)}H {int(minutes)}M {_shortest(seconds)}S")
        elif minutes:
            parts.append(f"{int(minutes)}M {_shortest(seconds)}S")
        elif seconds:
            parts.append(f"{_shortest(seconds)}S")
        return ("-" if self.negative else "") + (" ".join(parts) or "0S")


def _shortest(seconds: float) -> str:
    """Up to nine decimals, so that taking whole minutes away leaves no trace of binary fractions."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
