"""Demo tenant “demo”: a planning authority's register, with its awkward texts and nulls."""

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from penstock.local.demo import words
from penstock.local.demo.arrays import counted, draw, drawn, happens, joined, picked, scaled

AREAS = 250_000
ORGANISATIONS = 400
APPLICATIONS = 2_000
PAYMENTS = 1_201

_PART_ROWS = 50_000

_FIRST_DAY = dt.date(1967, 1, 1)


def organisation() -> Iterator[pa.Table]:
    """Give the organisations: one row each, by entity."""
    entities = range(1, ORGANISATIONS + 1)
    kinds = ("Borough Council", "District Council", "City Council", "Park Authority")
    opened = [_day(draw(entity, below=20_000, salt=1)) for entity in entities]
    yield pa.table(
        {
            "entity": pa.array(entities, pa.int64()),
            "reference": [f"local-authority:{_code(entity)}" for entity in entities],
            "name": [
                f"{words.PLACES[entity - 1]} {kinds[draw(entity, below=4, salt=2)]}"
                for entity in entities
            ],
            "opened": pa.array(opened, pa.date32()),
            "website": [
                f"https://{words.PLACES[entity - 1].lower()}.example/" if entity % 7 else None
                for entity in entities
            ],
        }
    )


def conservation_area() -> Iterator[pa.Table]:
    """Give the conservation areas, sorted by `organisation-entity`, some hundreds of each."""
    ends = list(itertools.accumulate(_sizes()))
    owners = pc.run_end_decode(
        pa.RunEndEncodedArray.from_arrays(
            pa.array(ends, pa.int32()), counted(ORGANISATIONS, start=1)
        )
    )
    for start in range(0, AREAS, _PART_ROWS):
        yield _areas(counted(_PART_ROWS, start=start), owners.slice(start, _PART_ROWS))


def _areas(rows: pa.Int64Array, owner: pa.Int64Array) -> pa.Table:
    codes = pa.array([f"local-authority:{_code(e)}" for e in range(1, ORGANISATIONS + 1)])
    place = drawn(rows, below=len(words.PLACES), salt=3)
    plain = joined(pa.array(words.PLACES).take(place), " ", picked(rows, words.AREA_KINDS, salt=4))
    far = picked(rows, words.FAR_NAMES, salt=5)
    east = pc.subtract(drawn(rows, below=8_000_000, salt=6), 6_000_000)
    north = pc.add(drawn(rows, below=6_000_000, salt=7), 50_000_000)
    number = pc.utf8_lpad(drawn(rows, below=10_000, salt=8).cast(pa.string()), 4, "0")
    started = pc.add(drawn(rows, below=19_000, salt=9), _days(_FIRST_DAY))
    notes = picked(rows, words.NOTES, salt=10)
    quality = ["authoritative"] * 6 + ["some"] * 3 + [""]
    return pa.table(
        {
            "entity": pc.add(rows, 44_000_000),
            "reference": pc.if_else(
                happens(rows, per_thousand=300, salt=11), joined("CA", number), number
            ),
            "name": pc.if_else(happens(rows, per_thousand=40, salt=12), far, plain),
            "organisation-entity": owner,
            "organisation": pc.if_else(
                happens(rows, per_thousand=15, salt=13), "", codes.take(pc.subtract(owner, 1))
            ),
            "quality": picked(rows, quality, salt=14),
            "entry-date": _dates(pc.add(drawn(rows, below=2_000, salt=15), 18_300)),
            "start-date": _sometimes(rows, _dates(started), per_thousand=880, salt=16),
            "end-date": _sometimes(
                rows,
                _dates(pc.add(started, drawn(rows, below=900, salt=17))),
                per_thousand=60,
                salt=18,
            ),
            "point": joined(
                "POINT (",
                scaled(east, precision=9, scale=6),
                " ",
                scaled(north, precision=9, scale=6),
                ")",
            ),
            "area-hectares": scaled(
                pc.add(drawn(rows, below=9_000_000, salt=19), 1), precision=12, scale=4
            ),
            "documentation-url": _sometimes(
                rows,
                joined("https://documents.example/conservation-area/", rows),
                per_thousand=300,
                salt=20,
            ),
            "notes": pc.if_else(
                happens(rows, per_thousand=150, salt=21), notes, picked(rows, ("", None), salt=22)
            ),
        }
    )


def planning_application() -> Iterator[pa.Table]:
    """Give the applications, whose columns are lists, structs and a map."""
    schema = pa.schema(
        {
            "reference": pa.string(),
            "organisation-entity": pa.int64(),
            "received": pa.date32(),
            "fee": pa.decimal128(9, 2),
            "tags": pa.list_(pa.string()),
            "site": pa.struct(
                {
                    "address": pa.string(),
                    "postcode": pa.string(),
                    "point": pa.struct({"x": pa.float64(), "y": pa.float64()}),
                }
            ),
            "documents": pa.list_(pa.struct({"name": pa.string(), "pages": pa.int32()})),
            "consultees": pa.map_(pa.string(), pa.string()),
            "decided": pa.timestamp("us", tz="UTC"),
        }
    )
    yield pa.Table.from_pylist([_application(row) for row in range(APPLICATIONS)], schema)


def premium_pay() -> Iterator[pa.Table]:
    """Give payments to made-up people: what a tenant keeps private."""
    rows = counted(PAYMENTS)
    hours = pc.add(drawn(rows, below=4_000, salt=30), 25)
    rate = pc.add(drawn(rows, below=3_500, salt=31), 1_500)
    worked = scaled(hours, precision=6, scale=2)
    yield pa.table(
        {
            "employee": pc.utf8_lpad(drawn(rows, below=900, salt=32).cast(pa.string()), 6, "0"),
            "name": joined(
                picked(rows, words.GIVEN_NAMES, salt=33),
                " ",
                picked(rows, words.FAMILY_NAMES, salt=34),
            ),
            "team": picked(rows, ("Highways", "Night desk", "Flood watch", ""), salt=35),
            "month": _dates(pc.add(pc.multiply(drawn(rows, below=24, salt=36), 30), 19_000)),
            "hours": worked,
            "rate": scaled(rate, precision=6, scale=2),
            "amount": scaled(pc.divide(pc.multiply(hours, rate), 100), precision=9, scale=2),
            "on-call": happens(rows, per_thousand=350, salt=37),
        }
    )


def _application(row: int) -> dict[str, object]:
    place = words.PLACES[draw(row, below=len(words.PLACES), salt=40)]
    tags = ("extension", "listed building", "tree, works to", 'sign "A1"', "изменение")
    pages = [draw(row * 8 + n, below=60, salt=41) for n in range(draw(row, below=4, salt=42))]
    decided = dt.datetime(2023, 1, 2, 9, tzinfo=dt.UTC) + dt.timedelta(
        minutes=draw(row, below=500_000, salt=43)
    )
    return {
        "reference": f"{row % 24:02}/{row:05}/FUL",
        "organisation-entity": 1 + draw(row, below=ORGANISATIONS, salt=44),
        "received": dt.date(2022, 1, 1) + dt.timedelta(days=draw(row, below=700, salt=45)),
        "fee": Decimal(draw(row, below=2_000_000, salt=46)) / 100,
        "tags": None if row % 11 == 0 else [tags[(row + n) % 5] for n in range(row % 4)],
        "site": {
            "address": f"{row % 90 + 1} {words.AREA_KINDS[row % 12]}, {place}",
            "postcode": None if row % 5 == 0 else f"ZZ{row % 20} {row % 9}ZZ",
            "point": None if row % 13 == 0 else {"x": row % 700 / 8, "y": 50 + row % 50 / 16},
        },
        "documents": [
            {"name": f"plan {n + 1}.pdf", "pages": count or None} for n, count in enumerate(pages)
        ],
        "consultees": [("highways", "no objection"), ("ecology", "“more” surveys")][: row % 3],
        "decided": decided if row % 3 else None,
    }


def _sizes() -> list[int]:
    weights = [100 + draw(entity, below=1_051, salt=97) for entity in range(ORGANISATIONS)]
    sizes = [weight * AREAS // sum(weights) for weight in weights]
    return [*sizes[:-1], sizes[-1] + AREAS - sum(sizes)]


def _code(entity: int) -> str:
    return words.PLACES[entity - 1][:3].upper() + f"{entity:03}"


def _day(number: int) -> dt.date:
    return _FIRST_DAY + dt.timedelta(days=number)


def _days(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


def _dates(days: pa.Int64Array) -> pa.Date32Array:
    return days.cast(pa.int32()).cast(pa.date32())


def _sometimes(rows: pa.Int64Array, values: pa.Array, *, per_thousand: int, salt: int) -> pa.Array:
    return pc.if_else(happens(rows, per_thousand=per_thousand, salt=salt), values, None)
