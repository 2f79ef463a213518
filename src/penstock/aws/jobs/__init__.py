"""Jobs in DynamoDB, their queues in SQS, and who hears of them."""
