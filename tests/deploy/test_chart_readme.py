"""The chart's README lists every value with its default and meaning."""

from tests.deploy.chart_readme import BEGIN, END, README, rows, table, undescribed


def test_every_value_is_described() -> None:
    assert undescribed() == set()


def test_the_readme_holds_the_table_of_values() -> None:
    text = README.read_text()
    written = text.partition(BEGIN)[2].partition(END)[0]
    assert written == table(), "run `python -m tests.deploy.chart_readme`"


def test_the_table_has_nested_values_by_their_path() -> None:
    defaults = {path: default for path, default, _ in rows()}
    assert defaults["worker.clusterAdmin"] == "true"
    assert defaults["valkey.persistence.size"] == '"1Gi"'
