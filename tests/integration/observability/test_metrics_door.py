"""Who may read the metrics of an orchestrator, where a network reaches them."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from orchestrator.settings import Settings
from tests.crash.processes import free_addresses
from tests.support.certificate_files import Authority
from tests.support.scraping import PATIENCE, Scraped, page_of, scrape
from tests.support.served import entry, served, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificate_files import Files

EVERYWHERE = "0.0.0.0:0"
SUBJECTS = entry("viewer") + entry("narrowed", "viewer", "definitions: [place_order]")


class Reader:
    """Reads the metrics of a process over TLS, as somebody."""

    def __init__(self, said: list[str]) -> None:
        self._url = page_of(said).replace("0.0.0.0", "127.0.0.1")

    def read(self, authority: Authority, name: str = "", headers: dict[str, str] | None = None) -> Scraped:
        trusting = ssl.create_default_context(cadata=authority.pem().decode())
        sent = headers or ({"Authorization": f"Bearer {token_of(name)}"} if name else {})
        with urllib.request.urlopen(
            urllib.request.Request(self._url, headers=sent), timeout=PATIENCE, context=trusting
        ) as page:
            return Scraped(page.read().decode())

    def refusal(self, authority: Authority, name: str = "", headers: dict[str, str] | None = None) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.read(authority, name, headers)
        return caught.value.code, caught.value.read().decode().strip()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def files(authority: Authority) -> Files:
    return authority.issue("127.0.0.1")


@pytest.fixture
def reader(tmp_path: Path, files: Files) -> Iterator[Reader]:
    tls = {"ORCHESTRATOR_TLS_CERTIFICATE": str(files.certificate), "ORCHESTRATOR_TLS_KEY": str(files.key)}
    with served(tmp_path, SUBJECTS, ORCHESTRATOR_METRICS_LISTEN=EVERYWHERE, **tls) as process:
        yield Reader(process.said)


def test_only_a_viewer_of_all_sagas_reads_metrics_over_a_network(reader: Reader, authority: Authority) -> None:
    assert "saga_live" in reader.read(authority, "viewer").names

    code, text = reader.refusal(authority)
    assert (code, text) == (401, "who calls? Send the metadata `authorization: Bearer <token>`")
    assert reader.refusal(authority, "nobody")[0] == 401
    assert reader.refusal(authority, headers={"Authorization": "Basic dmlld2Vy"})[0] == 401
    assert reader.refusal(authority, "narrowed") == (403, "metrics are of all sagas, and you see some of them")


def test_a_new_certificate_is_shown_without_a_restart(
    reader: Reader, authority: Authority, files: Files, tmp_path: Path
) -> None:
    assert "saga_live" in reader.read(authority, "viewer").names
    other = Authority(tmp_path / "other")
    issued = other.issue("127.0.0.1")
    files.key.write_bytes(issued.key.read_bytes())
    files.certificate.write_bytes(issued.certificate.read_bytes())

    assert "saga_live" in reader.read(other, "viewer").names
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        reader.read(authority, "viewer")


def test_metrics_are_not_shown_to_a_network_without_tls(tmp_path: Path) -> None:
    said = "ORCHESTRATOR_METRICS_LISTEN: 0.0.0.0:0 can be reached over a network, without TLS"
    with pytest.raises(AssertionError, match=said), served(tmp_path, ORCHESTRATOR_METRICS_LISTEN=EVERYWHERE):
        pass


@pytest.mark.long
@pytest.mark.timeout(240)
def test_two_replicas_on_one_port_have_two_pages(tmp_path: Path, postgres_url: str) -> None:
    first = free_addresses(1)[0]
    host, _, port = first.partition(":")
    settings = {
        "ORCHESTRATOR_JOURNAL": postgres_url,
        "ORCHESTRATOR_PROCESSES": "2",
        "ORCHESTRATOR_METRICS_LISTEN": first,
    }
    with served(tmp_path, **settings) as process:
        deadline, moment = time.monotonic() + 100, threading.Event()
        while not any("all 2 replicas listen" in line for line in process.said):
            assert time.monotonic() < deadline, "".join(process.said)
            moment.wait(0.05)
        pages = [scrape(f"http://{host}:{int(port) + number}/metrics") for number in (0, 1)]
    started = {page.value("process_start_time_seconds") for page in pages}
    assert len(started) == 2
    assert all(page.value("saga_unclaimed", saga_definition="place_order") == 0 for page in pages)
    assert all("saga_unclaimed" in page.names for page in pages)


def test_each_of_several_replicas_has_a_port_of_its_own() -> None:
    settings = Settings(metrics_listen="127.0.0.1:9464")
    assert [settings.of_replica(number).metrics_listen for number in (1, 2, 3)] == [
        "127.0.0.1:9464",
        "127.0.0.1:9465",
        "127.0.0.1:9466",
    ]
    assert Settings(metrics_listen="127.0.0.1:0").of_replica(3).metrics_listen == "127.0.0.1:0"
    assert Settings().of_replica(3).metrics_listen == ""
