"""Demo tenants “river” and “harbour”: readings with time zones and NaN, and arrivals of ships."""

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from penstock.local.demo import words
from penstock.local.demo.arrays import counted, draw, drawn, happens, joined, picked, scaled

STATIONS = 40
READINGS = 2_000
"""Of each station, every quarter of an hour."""
ARRIVALS = 20_000

_QUARTER = 15 * 60 * 1_000_000
_START = int(dt.datetime(2024, 3, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
_DAY = 24 * 60 * 60 * 1_000_000


def station() -> Iterator[pa.Table]:
    """Give the gauging stations, by their codes."""
    numbers = range(STATIONS)
    rows = counted(STATIONS)
    yield pa.table(
        {
            "station": [_station(number) for number in numbers],
            "name": [f"{words.PLACES[number * 9 + 4]} Weir" for number in numbers],
            "river": picked(rows, words.RIVERS, salt=50),
            "latitude": pc.divide(
                pc.add(drawn(rows, below=40_000, salt=51), 500_000).cast(pa.float64()), 10_000.0
            ),
            "longitude": pc.divide(
                pc.subtract(drawn(rows, below=40_000, salt=52), 30_000).cast(pa.float64()), 10_000.0
            ),
            "opened": pa.array(
                [dt.date(1961 + draw(n, below=60, salt=53), 1 + n % 12, 1) for n in numbers],
                pa.date32(),
            ),
            "catchment-km2": scaled(drawn(rows, below=90_000, salt=54), precision=9, scale=1),
            "tidal": happens(rows, per_thousand=200, salt=55),
        }
    )


def river_level() -> Iterator[pa.Table]:
    """Give the readings by station and time; a level is NaN where the gauge failed, null unsent."""
    rows = counted(STATIONS * READINGS)
    place = pc.divide(rows, READINGS)
    step = pc.subtract(rows, pc.multiply(place, READINGS))
    # A slow wave of each station, in millimetres, and a little noise.
    swing = pc.abs(pc.subtract(pc.modulo(pc.multiply(step, pc.add(place, 3)), 1_600), 800))
    millimetres = pc.add(pc.add(swing, drawn(rows, below=40, salt=60)), pc.multiply(place, 25))
    metres = pc.divide(millimetres.cast(pa.float64()), 1000.0)
    metres = pc.if_else(happens(rows, per_thousand=6, salt=61), float("nan"), metres)
    metres = pc.if_else(happens(rows, per_thousand=994, salt=62), metres, None)
    yield pa.table(
        {
            "station": pa.array([_station(n) for n in range(STATIONS)]).take(place),
            "measured-at": pc.add(pc.multiply(step, _QUARTER), _START).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "level-metres": metres,
            "battery-volts": pc.divide(
                pc.add(drawn(rows, below=30, salt=63), 115).cast(pa.float32()),
                pa.scalar(10, pa.float32()),
            ),
            "quality": picked(rows, ["good"] * 8 + ["estimated", "suspect", ""], salt=64),
        }
    )


def ship_arrival() -> Iterator[pa.Table]:
    """Give the arrivals in the order of their times."""
    rows = counted(ARRIVALS)
    late = drawn(rows, below=900, salt=70)
    arrived = pc.add(pc.multiply(rows, 7 * 60 * 1_000_000), _START)
    arrived = pc.add(arrived, pc.multiply(drawn(rows, below=400, salt=71), 1_000_000))
    due = pc.subtract(arrived, pc.multiply(pc.subtract(late, 300), 60 * 1_000_000))
    tide = pc.modulo(pc.multiply(rows, 1_103_515_245_000), _DAY)
    cargo = picked(rows, words.CARGOES, salt=72)
    tonnes = pc.add(drawn(rows, below=60_000, salt=73), 40)
    yield pa.table(
        {
            "arrival": pc.add(rows, 1),
            "ship": picked(rows, words.SHIPS, salt=74),
            "call-sign": joined(
                "0", pc.utf8_lpad(drawn(rows, below=1_000, salt=75).cast(pa.string()), 3, "0")
            ),
            "flag": picked(rows, words.FLAGS, salt=76),
            "berth": picked(rows, ("1", "2", "3A", "3B", "=4"), salt=77),
            "due": due.cast(pa.timestamp("us")),
            "arrived-at": arrived.cast(pa.timestamp("us", tz="UTC")),
            "high-water": tide.cast(pa.time64("us")),
            "draught-metres": scaled(
                pc.add(drawn(rows, below=120, salt=78), 20), precision=4, scale=1
            ),
            "cargo": cargo,
            "cargo-tonnes": pc.if_else(pc.is_valid(cargo), tonnes, None),
            "piloted": pc.if_else(
                happens(rows, per_thousand=950, salt=79),
                happens(rows, per_thousand=700, salt=80),
                None,
            ),
        }
    )


def _station(number: int) -> str:
    return f"{number + 1:04}"
