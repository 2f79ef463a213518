"""What the events of jobs speak of: a job, its user's key, and a ticket."""

import hashlib

from tests.aws_tables import client_of
from tests.flows.stack_on_stand_ins import Stack, keys_of

from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.tickets import DynamoTickets
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.clock import utc_now
from penstock.model.event import event_of
from penstock.model.job import Job, hash_of
from penstock.model.key import ApiKey, split_token
from penstock.model.progress import Progress
from penstock.ports import Listener

JOB_ID = "01JD3B6Z8Y5V9TQ0RXK2N4M7PC"
TOKEN = "pk_example1_AnExampleSecretOf43CharactersForTheseEvents"
TICKET = "the-ticket-of-this-example"
_PARAMS = {
    "dataset": "conservation-area",
    "query": "organisation-entity=122",
    "formats": ["csv"],
}


def put_example_job(stack: Stack) -> Job:
    """Store the job as the API does, but for its queue."""
    job = Job(
        id=JOB_ID,
        tenant="acme",
        user="ada",
        kind="export",
        type="dataset-slice",
        params=_PARAMS,
        params_hash=hash_of(_PARAMS),
        size="medium",
        created=utc_now(),
        progress=Progress(seq=1),
    )
    store = store_of(stack)
    return store.add(job, event_of(job, "job.accepted", now=job.created))


def store_of(stack: Stack) -> DynamoJobStore:
    """Open a stack's jobs."""
    return DynamoJobStore(DynamoTable(client_of(stack.aws, "dynamodb"), stack.jobs_table))


def put_example_key(stack: Stack) -> None:
    """Store the key of the job's user."""
    parts = split_token(TOKEN)
    assert parts is not None
    prefix, secret = parts
    keys_of(stack).add(
        ApiKey(
            prefix=prefix,
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            tenant="acme",
            user="ada",
            role="reader",
            created=utc_now(),
        )
    )


def put_example_ticket(stack: Stack) -> None:
    """Keep the user's ticket."""
    records = DynamoTable(client_of(stack.aws, "dynamodb"), stack.sockets_table)
    ticket = hashlib.sha256(TICKET.encode()).hexdigest()
    listener = Listener(tenant="acme", user="ada", is_admin=False)
    DynamoTickets(records, now=utc_now).put(ticket, listener, seconds=30)
