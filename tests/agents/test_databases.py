"""Databases that agents ask: one SELECT, read only, within a time and some rows; on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from hishamos_pipeline.agents.databases import QueriedDatabases
from hishamos_pipeline.errors import QueryError
from tests.fakes.postgres import PostgresServer


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    path = tmp_path / "figures of #1.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table sales (id integer, city text)")
        connection.executemany("insert into sales values (?, ?)", [(n, f"c{n}") for n in range(300)])
    connection.close()
    return path


def databases(path: Path, **given: float) -> QueriedDatabases:
    chosen = {"seconds": 0.5, "most_rows": 200, **given}
    return QueriedDatabases({"figures": f"sqlite:///{path}"}, **chosen)  # type: ignore[arg-type]


def test_rows_come_as_csv_and_not_too_many(figures: Path) -> None:
    asked = databases(figures)
    assert asked.query("figures", "select id, city from sales where id < 2") == "id,city\n0,c0\n1,c1\n"
    assert asked.query("figures", "select 1 as n; -- one") == "n\n1\n"
    counted = "with x as (select count(*) as n from sales) select n from x union select 1 order by 1;"
    assert asked.query("figures", counted) == "n\n1\n300\n"
    told = asked.query("figures", "select id from sales")
    assert told.endswith("\n(the first 200 rows)\n") and told.count("\n") == 202


@pytest.mark.parametrize(
    "statement",
    [
        "delete from sales", "insert into sales values (1, 'x')", "update sales set id = 1", "drop table sales",
        "select 1; delete from sales", "attach 'x.db' as x", "pragma table_info(sales)", "vacuum",
        "with x as (delete from sales returning id) select * from x", "select * into copy from sales",
        "select load_extension('x')", "explain select 1", "", "select", "begin", "create table t as select 1",
        "select " + "(" * 3000 + "1" + ")" * 3000, "select 1 -- " + "x" * 30_000, "select writefile('x', 'y')",
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_nothing_but_one_select(figures: Path, statement: str) -> None:
    before = figures.read_bytes()
    with pytest.raises(QueryError):
        databases(figures).query("figures", statement)
    assert figures.read_bytes() == before
    assert [item.name for item in figures.parent.iterdir()] == [figures.name]


def test_a_large_answer_is_not_held(figures: Path) -> None:
    with pytest.raises(QueryError, match="too big"):
        databases(figures).query("figures", "select hex(zeroblob(4900000)) from sales")
    wide = "select " + ", ".join(f"hex(zeroblob(4000)) as c{n}" for n in range(90)) + " from sales"
    assert len(databases(figures, seconds=5.0).query("figures", wide)) < 300_000


def test_what_takes_too_long_is_ended(figures: Path) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    with pytest.raises(QueryError, match="interrupted"):
        databases(figures).query("figures", endless)


def test_what_is_not_there_is_told(figures: Path) -> None:
    with pytest.raises(QueryError, match="there are figures"):
        databases(figures).query("other", "select 1")
    with pytest.raises(QueryError, match="no such table: gone"):
        databases(figures).query("figures", "select * from gone")
    with pytest.raises(QueryError, match="unable to open"):
        databases(figures.with_name("gone.db")).query("figures", "select 1")
    assert not figures.with_name("gone.db").exists()


@pytest.fixture
def served(postgres: PostgresServer) -> Iterator[QueriedDatabases]:
    url = postgres.new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("create table sales as select n as id from generate_series(1, 300) n"))
        connection.execute(
            text("do $$ begin create role reader login; exception when duplicate_object then end $$")
        )
        connection.execute(text("grant select on sales to reader"))
    engine.dispose()
    read = make_url(url).set(username="reader").render_as_string(hide_password=False)
    yield QueriedDatabases({"figures": read, "all": url}, seconds=0.5, most_rows=2)


def test_a_server_is_asked_in_the_same_way(served: QueriedDatabases) -> None:
    assert served.query("figures", "select id from sales order by id") == "id\n1\n2\n(the first 2 rows)\n"
    for statement in (
        "select pg_sleep(9)", "select set_config('transaction_read_only', 'off', true)",
        "select lo_import('/etc/passwd')", "select nextval('gone')", "select id from sales for update",
        "with x as (delete from sales returning id) select * from x",
        "select (0.3::float8).pg_sleep", "select ('.'::text).pg_ls_dir",
        "select t.pg_sleep from (select 9.0::float8) t",
        "select * from ts_stat('select 1')", "select table_to_xml('sales', true, true, '')",
    ):  # fmt: skip
        with pytest.raises(QueryError):
            served.query("figures", statement)
    with pytest.raises(QueryError, match="superuser"):
        served.query("all", "select 1")
    assert (
        served.query("figures", "select id from sales where id % 100 = 0 and id::text like '1%'")
        == "id\n100\n"
    )
    with pytest.raises(QueryError, match=r"statement timeout|user request"):
        served.query("figures", "select count(*) from generate_series(1, 100000000) a")
    assert served.query("figures", "select count(*) as n from sales") == "n\n300\n"
