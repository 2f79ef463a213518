import pytest
from tests.aws_tables import client_of, fresh_name, make_jobs_table
from tests.job_homes import JobRecords, added, claimed
from tests.stand_ins import StandIn

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.ports import Observation

SEEN = Observation(pulse="RUNNING:1:1:0", observer="scheduler", seconds=12.25)


@pytest.mark.parametrize(
    "damaged",
    [{"S": "{"}, {"S": "{}"}, {"S": '{"pulse": 1}'}, {"N": "7"}, {"NULL": True}],
    ids=str,
)
def test_an_observation_that_cannot_be_read_is_made_anew_and_holds_no_other_job_up(
    aws_server: StandIn, damaged: dict[str, object]
) -> None:
    client, table = client_of(aws_server, "dynamodb"), fresh_name("jobs")
    make_jobs_table(client, name=table)
    records = DynamoTable(client, table)
    jobs = JobRecords(
        store=DynamoJobStore(records),
        used_keys=DynamoUsedKeys(records),
        events=DynamoJobEvents(records),
        upkeep=DynamoJobUpkeep(records),
    )
    whole, spoilt = (claimed(jobs, added(jobs)) for _ in range(2))
    jobs.upkeep.observe(whole, SEEN)
    client.update_item(
        TableName=table,
        Key={"place": {"S": f"acme#{spoilt.id}"}, "part": {"S": "job"}},
        UpdateExpression="SET observed = :damaged",
        ExpressionAttributeValues={":damaged": damaged},
    )
    found = {job.id: seen for job, seen in jobs.upkeep.unfinished()}
    assert found == {whole.id: SEEN, spoilt.id: None}
    jobs.upkeep.observe(spoilt, SEEN)
    assert {seen for _, seen in jobs.upkeep.unfinished()} == {SEEN}
