from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

import pqnlp
from pqnlp.errors import ReadError
from pqnlp.fetch import COLUMNS, FetchError, fetch, read_ids

IDS = ["1900001", "1900002", "1900003", "1900004", "1900005"]


class Service:
    """The API on this machine: recorded answers, and for each id a list of mishaps that come first."""

    def __init__(self, recorded: dict):
        self.recorded = recorded
        self.mishaps: dict[str, list] = defaultdict(list)
        self.asked: list[str] = []
        self.agents: set[str] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                identity = self.path.rsplit("/", 1)[-1]
                service.asked.append(identity)
                service.agents.add(self.headers["User-Agent"])
                mishap = service.mishaps[identity].pop(0) if service.mishaps[identity] else None
                if mishap == "drop":
                    self.close_connection = True
                    return
                body = json.dumps(service.recorded.get(identity, {})).encode()
                status, headers = (200 if identity in service.recorded else 404), {}
                if mishap == "web page":
                    body = b"<html>Come back later</html>"
                elif isinstance(mishap, tuple):
                    status, headers = mishap
                elif isinstance(mishap, int):
                    status = mishap
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if mishap == "cut" else body)
                self.close_connection = mishap == "cut"

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/api/writtenquestions/questions"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def service(samples, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    service = Service(json.loads((samples / "api_responses.json").read_text(encoding="utf-8")))
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def naps(monkeypatch):
    """Return the pauses that were asked for; none is taken."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


def run(service, output, ids=IDS, **options):
    return fetch(ids, output, api=service.address, rate=options.pop("rate", 0), **options)


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl.gz"])
def test_fetched_texts_are_whole_and_read_back(name, service, naps, tmp_path):
    done = run(service, tmp_path / name)
    assert done == {"asked": 5, "written": 5, "resumed": 0, "missing": []}
    frame = pqnlp.read(tmp_path / name)
    assert frame["id"].tolist() == IDS
    assert frame["problem"].tolist() == [""] * 5
    assert "Whitby | 3" in frame.loc[1, "answer"].split("\n")
    assert frame.loc[1, ["department", "tabled", "answered"]].tolist() == [
        "Department for Environment, Food and Rural Affairs",
        "2024-05-07",
        "2024-05-14",
    ]
    assert os.listdir(tmp_path) == [name]


def test_the_service_is_told_who_asks(service, naps, tmp_path):
    run(service, tmp_path / "out.csv", IDS[:1])
    assert all(agent.startswith("pqnlp/") for agent in service.agents)


def test_requests_keep_the_rate(service, naps, tmp_path):
    run(service, tmp_path / "out.csv", rate=4)
    assert len(naps) == 5
    assert sum(naps) == pytest.approx(1.0, abs=0.2)  # none before the first


@pytest.mark.parametrize("mishap", [500, 502, 503, 429, "drop", "cut", "web page"])
def test_passing_mishaps_are_tried_again(mishap, service, naps, tmp_path):
    service.mishaps["1900002"] = [mishap, mishap]
    assert run(service, tmp_path / "out.csv")["written"] == 5
    assert service.asked.count("1900002") == 3


def test_retry_after_is_heeded(service, naps, tmp_path):
    service.mishaps["1900003"] = [(429, {"Retry-After": "17"}), (503, {"Retry-After": "5"})]
    run(service, tmp_path / "out.csv")
    assert [nap for nap in naps if nap >= 5] == [17, 5]


def test_ids_that_the_service_does_not_have_are_listed(service, naps, tmp_path):
    seen = []
    done = run(service, tmp_path / "out.csv", ["1", *IDS[:2], "2"], progress=seen.append)
    assert done["missing"] == ["1", "2"] and done["written"] == 2
    assert (tmp_path / "out.csv.missing.txt").read_text().split() == ["1", "2"]
    assert sum(seen) == 4
    run(service, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv.missing.txt").exists()


def test_a_broken_run_goes_on_where_it_stopped(service, naps, tmp_path):
    output = tmp_path / "out.parquet"
    service.mishaps["1900004"] = [403]
    with pytest.raises(
        FetchError, match=r"Fetched 3 of 5 ids, then: the service said 403 .* \(id 1900004\).*same command"
    ):
        run(service, output)
    assert not output.exists()
    part = tmp_path / "out.parquet.part.jsonl"
    part.write_bytes(part.read_bytes()[:-10])  # the machine went off while the third was written
    service.asked.clear()
    assert run(service, output) == {"asked": 5, "written": 5, "resumed": 2, "missing": []}
    assert service.asked == IDS[2:]
    assert pqnlp.read(output)["id"].tolist() == IDS
    assert os.listdir(tmp_path) == ["out.parquet"]


def test_one_bad_id_does_not_keep_the_others_from_coming(service, naps, tmp_path):
    service.mishaps["1900002"] = [500] * 3
    with pytest.raises(FetchError, match="Fetched 4 of 5 ids"):
        run(service, tmp_path / "out.csv", retries=2)
    assert run(service, tmp_path / "out.csv")["resumed"] == 4


def test_a_service_that_is_down_is_left_alone(naps, tmp_path):
    with pytest.raises(FetchError, match=r"Fetched 0 of 50 ids, then: no connection to 127.0.0.1:9"):
        fetch([str(k) for k in range(50)], tmp_path / "out.csv", api="http://127.0.0.1:9/x", rate=0, retries=1)
    assert not (tmp_path / "out.csv").exists()


def test_json_of_another_service_is_refused(service, naps, tmp_path):
    service.recorded["1900001"] = {"message": "moved"}
    with pytest.raises(FetchError, match="JSON of an unknown form"):
        run(service, tmp_path / "out.csv", IDS[:1])


def test_nothing_found_is_an_error(service, naps, tmp_path):
    with pytest.raises(FetchError, match="None of the 1 ids was found"):
        run(service, tmp_path / "out.csv", ["70001"])


def test_ids_that_are_no_numbers_are_refused_before_asking(service, tmp_path):
    with pytest.raises(FetchError, match="Id 2, 'HL901', is not a number"):
        run(service, tmp_path / "out.csv", ["1900001", "HL901"])
    assert service.asked == []


def test_a_bad_place_is_told_before_asking(service, tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        run(service, tmp_path / "missing" / "out.csv")
    assert service.asked == []


def test_texts_from_a_local_file(samples, tmp_path):
    output = tmp_path / "out.parquet"
    done = fetch(["1900005", "1900001", "1", "1900002"], output, source=samples / "api_page.json")
    assert done == {"asked": 4, "written": 3, "resumed": 0, "missing": ["1"]}
    frame = pqnlp.read(output)
    assert frame["id"].tolist() == ["1900005", "1900001", "1900002"]
    assert frame["problem"].tolist() == ["", "", "truncated"]  # what was cut stays known as cut
    assert tuple(pd.read_parquet(output).columns) == COLUMNS


def test_texts_from_a_local_file_without_ids(write, tmp_path):
    path = write("t.csv", "question,answer\nTo ask why,Because\n")
    with pytest.raises(FetchError, match="no column for the id"):
        fetch(["1"], tmp_path / "out.csv", source=path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.csv", "id,label\n1900002,direct\n1900001,evasive\n1900002,direct\n"),
        ("ids.txt", "1900002\n1900001\n\n"),
        ("ids.jsonl", '{"id": 1900002}\n{"id": "1900001"}\n'),
        ("labels.csv", "Label,Question ID\ndirect,1900002\ndirect,1900001\n"),
    ],
)
def test_ids_are_read_once_each_in_order(name, content, write):
    assert read_ids(write(name, content)) == ["1900002", "1900001"]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("ids.csv", "uin,label\n1,direct\n", FetchError, "no column 'id'. Columns found: uin, label"),
        ("ids.txt", "\n", FetchError, "has no ids"),
        ("ids.csv", "id,label\n,direct\n", FetchError, "has no ids"),
        ("ids.jsonl", '{"id"', ReadError, "line 1: not JSON"),
        ("ids.txt", b"\xff\xfe1", ReadError, "Cannot read"),
    ],
)
def test_ids_that_cannot_be_read(name, content, error, message, write):
    with pytest.raises(error, match=message):
        read_ids(write(name, content))
