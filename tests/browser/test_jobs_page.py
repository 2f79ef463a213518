"""The page of jobs in a real browser: a key is typed, an export begun, watched and downloaded."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.browser.driven_chromium import Tab, driven
from tests.conftest import missing
from tests.flows.job_service import Jobs, job_service
from tests.flows.job_steps import through, working_in


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("page"), requests_per_minute=0) as running:
        yield running


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        missing("chromium is not installed")
    with driven(binary, tmp_path) as tab:
        yield tab
        assert tab.complaints == []


def use_key(tab: Tab, key: str) -> None:
    tab.type("#key", key)
    tab.click("#key-form button[type=submit]")
    tab.until("document.querySelector('#who').textContent.startsWith('A key')")
    tab.until("document.querySelectorAll('#type option').length > 1")
    tab.until("document.querySelector('#live').textContent === 'live'")


def row(job_id: str) -> str:
    return f"#jobs li[data-id='{job_id}']"


def test_an_export_is_begun_watched_and_downloaded(jobs: Jobs, tab: Tab) -> None:
    tab.open(f"{jobs.service.url}/jobs")
    use_key(tab, jobs.key())
    tab.run("document.querySelector('#type').value = 'dataset-slice'")
    tab.run("document.querySelector('#type').dispatchEvent(new Event('change'))")
    tab.type("#param-dataset", "area")
    tab.type("#param-query", "n__lt=7")
    tab.click("#formats input[value=csv]")
    tab.click("#start")
    tab.until("document.querySelectorAll('#jobs li').length === 1")
    job_id = tab.run("document.querySelector('#jobs li').dataset.id")
    jobs.work()
    tab.until(f"document.querySelector(\"{row(job_id)}\").dataset.state === 'SUCCEEDED'")
    tab.click(f"{row(job_id)} .actions button")
    tab.until(f'document.querySelectorAll("{row(job_id)} .links a").length === 6')
    links = tab.run(f'[...document.querySelectorAll("{row(job_id)} .links a")].map(a => a.href)')
    assert all(jobs.client.get(link).status_code == 200 for link in links)
    assert jobs.client.get(links[0]).text.count("\n") == 8
    assert f"/exports/{job_id}/-/file.csv?" in links[0]


def test_whom_nothing_is_open_without_a_key_is_told_so(jobs: Jobs, tab: Tab) -> None:
    tab.open(f"http://other.localhost:{jobs.service.port}/jobs")
    tab.until("!document.querySelector('#keyless').hidden")
    said = tab.run("document.querySelector('#keyless').innerText")
    assert "penstock keys add --tenant other --user NAME" in said
    use_key(tab, jobs.key(tenant="other"))
    assert tab.run("document.querySelector('#keyless').hidden")
    tab.open(f"{jobs.service.url}/jobs")
    tab.until("document.querySelectorAll('#type option').length === 1")
    assert tab.run("document.querySelector('#keyless').hidden")


def test_a_bar_moves_with_the_job_and_a_deleted_one_goes(jobs: Jobs, tab: Tab) -> None:
    with working_in(jobs.home) as worker:
        tab.open(f"{jobs.service.url}/jobs")
        use_key(tab, jobs.key("bea"))
        job = worker.begin(user="bea")
        worker.start(job)
        worker.report(job, 40)
        place = f'document.querySelector("{row(job.id)} progress")'
        tab.until(f"{place} && {place}.value === 40 && {place}.max === 100")
        worker.report(job, 80)
        tab.until(f"{place}.value === 80")
        assert "80 of 100 rows" in tab.run("document.querySelector('#jobs').innerText")
        worker.fail(job)
        tab.until(f"document.querySelector(\"{row(job.id)}\").dataset.state === 'FAILED'")
        assert "It was odd." in tab.run("document.querySelector('#jobs').innerText")
        tab.click(f"{row(job.id)} .actions button")
        tab.until("document.querySelectorAll('#jobs li').length === 0")
    assert jobs.ask("GET", f"/v1/jobs/{job.id}", key=jobs.key("bea")).status_code == 404


def test_a_running_job_is_cancelled_with_a_click(jobs: Jobs, tab: Tab) -> None:
    job_id = jobs.begin(jobs.key("cleo"))["id"]
    tab.open(f"{jobs.service.url}/jobs")
    use_key(tab, jobs.key("cleo"))
    tab.until(f'document.querySelector("{row(job_id)} .actions button")')
    tab.click(f"{row(job_id)} .actions button")
    tab.until(f"document.querySelector(\"{row(job_id)}\").dataset.state === 'CANCELLED'")


def test_the_key_is_kept_in_its_tab_alone_and_can_be_forgotten(jobs: Jobs, tab: Tab) -> None:
    tab.open(f"{jobs.service.url}/jobs")
    use_key(tab, jobs.key("dan"))
    kept = "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
    assert json.loads(tab.run(kept)) == [{"penstock-key": jobs.key("dan")}, {}, ""]
    assert jobs.key("dan") not in tab.run("document.documentElement.outerHTML")
    tab.open(f"{jobs.service.url}/jobs?again")
    tab.until("document.querySelector('#live').textContent === 'live'")
    tab.click("#forget")
    tab.until("document.querySelector('#who').textContent === 'Without a key.'")
    assert json.loads(tab.run(kept)) == [{}, {}, ""]


def test_a_visitor_exports_what_an_answer_was_too_large_for(jobs: Jobs, tab: Tab) -> None:
    wanted = {
        "type": "dataset-slice",
        "params": {"dataset": "area", "query": "n__lt=9"},
        "formats": ["json"],
    }
    tab.open(f"{jobs.service.url}/jobs#{quote(json.dumps(wanted), safe='')}")
    tab.until("document.querySelector('#param-query')?.value === 'n__lt=9'")
    assert tab.run("document.querySelector('#param-dataset').value") == "area"
    tab.click("#start")
    tab.until("document.querySelectorAll('#jobs li').length === 1")
    jobs.work()
    tab.until("document.querySelector('#jobs li').dataset.state === 'SUCCEEDED'")


def test_what_is_refused_is_said_on_the_page(jobs: Jobs, tab: Tab) -> None:
    tab.open(f"{jobs.service.url}/jobs")
    use_key(tab, jobs.key("eli"))
    tab.run("document.querySelector('#type').value = 'dataset-slice'")
    tab.run("document.querySelector('#type').dispatchEvent(new Event('change'))")
    tab.type("#param-dataset", "<img src=x onerror=alert(1)>")
    tab.click("#start")
    tab.until("!document.querySelector('#fault').hidden")
    assert "params.dataset" in tab.run("document.querySelector('#fault').textContent")
    tab.complaints.clear()


def test_what_jobs_hold_never_becomes_markup(jobs: Jobs, tab: Tab) -> None:
    tab.open(f"{jobs.service.url}/jobs")
    use_key(tab, jobs.key("fay"))
    with working_in(jobs.home) as worker:
        job = worker.begin(user="fay", type_name="<img src=x onerror=alert(1)>")
        through(worker, job)
    tab.until(f"document.querySelector(\"{row(job.id)}\")?.dataset.state === 'SUCCEEDED'")
    assert tab.run("document.images.length") == 0
    assert "<img" in tab.run("document.querySelector('#jobs strong').textContent")
