from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.exports import all_types
from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Parameters, Period
from penstock.exports.tables import table_query

SQL = "SELECT id, name FROM thing {where}"


class Things(Period):
    name: str | None = None
    kinds: tuple[str, ...] | None = None
    least: int | None = None


SOURCE = DatabaseSource(
    sql=SQL,
    where={
        "since": "made >= %s",
        "until": "made < %s",
        "name": "name = %s OR alias = %s",
        "kinds": "kind IN %s",
        "least": "share %% 7 >= %s",
    },
)
TYPE = ExportType(
    name="things",
    title="Things",
    source=SOURCE,
    parameters=Things,
    columns=("id", "name"),
    sort=("id",),
)


def test_without_parameters_there_is_no_condition() -> None:
    query = table_query(TYPE, SOURCE, Things())
    assert query.sql == 'SELECT "id", "name" FROM (SELECT id, name FROM thing ) AS wanted'
    assert query.parameters == ()
    assert query.sort == ("id",)


def test_each_parameter_that_is_given_is_one_condition_with_its_value_bound() -> None:
    query = table_query(TYPE, SOURCE, Things(since=date(2024, 5, 1), name="o'x"))
    assert "WHERE (made >= %s) AND (name = %s OR alias = %s)" in query.sql
    assert query.parameters == (date(2024, 5, 1), "o'x", "o'x")


def test_a_list_is_bound_value_by_value() -> None:
    query = table_query(TYPE, SOURCE, Things(kinds=("a", "b", "c"), least=0))
    assert "WHERE (kind IN (%s, %s, %s)) AND (share %% 7 >= %s)" in query.sql
    assert query.parameters == ("a", "b", "c", 0)


TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@given(st.builds(Things, name=st.none() | TEXTS, kinds=st.none() | st.tuples(TEXTS)))
def test_no_value_ever_stands_in_the_statement(given_: Things) -> None:
    query = table_query(TYPE, SOURCE, given_)
    plain = table_query(
        TYPE,
        SOURCE,
        given_.model_copy(
            update={
                "name": None if given_.name is None else "x",
                "kinds": None if given_.kinds is None else ("x",),
            }
        ),
    )
    assert query.sql == plain.sql
    assert query.sql.replace("%%", "").count("%s") == len(query.parameters)


@pytest.mark.parametrize("name", all_types())
def test_no_type_holds_a_value_beside_its_conditions(name: str) -> None:
    declared = all_types()[name]
    if isinstance(declared.source, DatabaseSource):
        query = table_query(declared, declared.source, declared.parameters())
        assert query.parameters == ()
        assert "%" not in query.sql.replace("%%", "")
        assert issubclass(declared.parameters, Parameters)
