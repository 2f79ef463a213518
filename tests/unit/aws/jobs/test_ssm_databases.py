"""Databases behind a proxy: what of a connection string another host takes the place of."""

import pytest
from psycopg import conninfo

from penstock.aws.jobs.databases import through

PROXY = "pool.proxy-abc.eu-west-2.rds.amazonaws.com"


@pytest.mark.parametrize(
    "own",
    [
        "postgresql://ada:s%26cret@db.example:6432/acme",
        "postgres://ada:s%26cret@db.example:6432/acme?sslmode=verify-full",
        "host=db.example port=6432 user=ada password='s&cret' dbname=acme",
        "postgresql://ada:s%26cret@db.example:6432/acme?hostaddr=192.0.2.7",
        "hostaddr=192.0.2.7 host=db.example port=6432 user=ada password=s&cret dbname=acme",
    ],
)
def test_a_proxy_takes_the_place_of_the_host_and_of_nothing_else(own: str) -> None:
    given = conninfo.conninfo_to_dict(through(PROXY, own))
    assert given["host"] == PROXY
    assert not given.get("hostaddr")
    assert (given["user"], given["password"]) == ("ada", "s&cret")
    assert (given["port"], given["dbname"]) == ("6432", "acme")
