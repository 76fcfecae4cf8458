"""examples/grafana and examples/prometheus: what they ask for is there, and Prometheus' own tools take them."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from conftest import ROOT
from test_prometheus import busy, scrape  # noqa: F401, a fixture

GRAFANA, PROMETHEUS = ROOT / "examples/grafana", ROOT / "examples/prometheus"
BOARDS = sorted(GRAFANA.glob("*.json"))
KEYWORDS = {"sum", "rate", "increase", "by", "le", "max", "min", "count", "vector", "or", "and", "unless", "on", "avg",
            "histogram_quantile", "humanizePercentage", "label_values", "without", "group_left", "ignoring"}
OF_THE_SCRAPE = {"up", "fulcrum:hit_rate:ratio_rate15m"}  # Prometheus' own, and what the rules record
SUFFIXES = ("_bucket", "_count", "_sum", "_total", "")


def promtool():
    program = os.environ.get("FULCRUM_PROMTOOL") or shutil.which("promtool")
    if not program:
        pytest.skip("skipped: no promtool, nor can Debian's package prometheus be had")
    return program


def names_in(expression):
    """Of metrics; what stands in braces, parentheses behind by, and quotes are labels and values."""
    bare = re.sub(r"\{[^}]*\}", " ", re.sub(r'"[^"]*"', " ", expression))
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\$\w+|\[[^\]]*\]", " ", bare)
    return {name for name in re.findall(r"(?<![\w.])[a-zA-Z_][a-zA-Z0-9_:]*", bare) if name not in KEYWORDS}


def labels_in(expression):
    """(metric, label) of each selector."""
    return {(metric, label) for metric, selector in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression)
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)}


def expressions():
    for path in BOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield path.name, target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield path.name, variable["definition"].replace("label_values(", "").rsplit(",", 1)[0]
    for group in yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield "alerts.yaml", rule["expr"]


def test_every_metric_that_boards_and_alerts_name_is_there(busy):  # noqa: F811
    labels = {}
    for family in text_string_to_metric_families(scrape(busy)[1]):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    asked = list(expressions())
    assert len(asked) > 40
    for where, expression in asked:
        names = names_in(expression)
        assert names, (where, expression)
        for name in names - OF_THE_SCRAPE:
            assert name in labels, f"{where}: {name} is not in /metrics: {expression}"
        for name, label in labels_in(expression):
            if name not in OF_THE_SCRAPE:
                assert label in labels[name], f"{where}: {name} has no label {label}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_board_can_be_provisioned(path):
    board = json.loads(path.read_text())
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", board["uid"]) and board["title"] and board["schemaVersion"] >= 36
    assert "id" not in board or board["id"] is None  # Grafana's own number, of another Grafana
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids))
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["w"] > 0 and place["h"] > 0 and 0 <= place["x"] <= 24 - place["w"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["title"] and panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
            used = set(re.findall(r"\$\{?(\w+)", target["expr"])) - {"__rate_interval", "__range", "__interval"}
            assert used <= set(variables), f"{panel['title']} uses {used - set(variables)}"
    assert {board_path.stem for board_path in BOARDS} == {"money", "service"}


def test_the_line_of_the_hit_rate_is_at_sixty_percent():
    panels = [panel for panel in json.loads((GRAFANA / "money.json").read_text())["panels"]
              if panel["title"].startswith("Hit rate, by")]
    assert len(panels) == 2
    for panel in panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 0.6]
        assert defaults["custom"]["thresholdsStyle"]["mode"].startswith("line")


def test_provisioning_files_are_what_grafana_reads():
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
    assert sources["apiVersion"] == 1 and sources["datasources"][0]["type"] == "prometheus"
    providers = yaml.safe_load((GRAFANA / "provisioning/dashboards/fulcrum.yaml").read_text())
    assert providers["apiVersion"] == 1 and providers["providers"][0]["type"] == "file"


def run(*arguments, cwd=PROMETHEUS):
    done = subprocess.run([promtool(), *arguments], cwd=cwd, text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_checks_configuration_and_rules():
    assert "SUCCESS" in run("check", "config", "prometheus.yml")
    assert "SUCCESS" in run("check", "rules", "alerts.yaml")


def test_alerts_fire_when_they_should():
    run("test", "rules", "alerts_test.yaml")


def test_promtool_parses_every_expression_of_the_boards(tmp_path):
    rules = [{"record": f"board:x{i}", "expr": expression.replace("$__rate_interval", "5m").replace("$__range", "1h")}
             for i, (where, expression) in enumerate(expressions()) if where.endswith(".json")]
    path = pathlib.Path(tmp_path) / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("check", "rules", str(path), cwd=tmp_path)


def test_promtool_reads_the_metrics(busy):  # noqa: F811
    done = subprocess.run([promtool(), "check", "metrics"], input=scrape(busy)[1], text=True, capture_output=True,
                          check=False, timeout=60)
    assert "error while linting" not in done.stderr and done.returncode in (0, 3), done.stderr  # 3: remarks on names
    for line in (done.stdout + done.stderr).splitlines():
        assert not line.startswith(("gen_ai", "fulcrum_tenant", "fulcrum_saved")), line
