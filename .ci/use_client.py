"""Uses the client that was generated from /api/openapi.json: what it reads must be typed, and what it asks must be done."""

import sys
import time

from client import AuthenticatedClient
from client.api.clients import list_clients
from client.api.events import list_events
from client.api.logs import read_logs
from client.api.supervisor import get_snapshot, get_task, get_version
from client.api.tasks import explain_task, list_runs, reload, restart_tasks, signal_task, stop_task
from client.models import ProblemBody, SignalRequest, SignalRequestSignal, SnapshotResponse, TasksRequest

DEADLINE = 20

url, token_file = sys.argv[1:]
with open(token_file) as token:
    api = AuthenticatedClient(base_url=url, token=token.read().strip())


def wait_until(holds):
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.05)


snapshot = get_snapshot.sync(client=api)
assert isinstance(snapshot, SnapshotResponse) and snapshot.project == get_version.sync(client=api).project
talk = next(task for task in snapshot.tasks if task.name == "talk")
assert (talk.kind.value, talk.state.value) == ("process", "running") and talk.pid > 1 and talk.since > 0, talk
fails = next(task for task in snapshot.tasks if task.name == "fails")
assert fails.last_exit.reason.code == 7 and fails.last_exit.reason.text == "code 7", fails.last_exit

answer = restart_tasks.sync(client=api, body=TasksRequest(tasks=["talk"]))
assert answer.accepted == ["restart talk"] and not answer.refused, answer
wait_until(lambda: get_task.sync("talk", client=api).run == talk.run + 1)
assert signal_task.sync("talk", client=api, body=SignalRequest(signal=SignalRequestSignal.SIGCONT)).accepted == "signal talk SIGCONT"
refusal = stop_task.sync("nope", client=api)
assert isinstance(refusal, ProblemBody) and refusal.status == 404 and "nope" in refusal.detail, refusal
assert reload.sync(client=api).unchanged == 3

assert any(event.event.value == "requested" and event.task == "talk" for event in list_events.sync(client=api))
assert explain_task.sync("fails", client=api).post_mortems[0].reason == "code 7"
assert list_runs.sync("talk", client=api)[0].run == talk.run + 1
page = read_logs.sync(client=api, task=["talk"], limit=1)
assert page.lines[0].text in ("line", "error") and page.more_before, page
assert any(client.last_request == "GET /api/v1/clients" for client in list_clients.sync(client=api))
print("the generated client works")
