"""The edge: what is cached by what, what origins are told, and what nobody can forge or share."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.template.templates import ROOT, Template, expanded, resources

from penstock.aws.origin import SECRET_HEADER
from penstock.model.key import new_key, split_token

MOST_HEADERS = 10
"""Of a cache policy or an origin-request policy: CloudFront's quotas."""
UNCACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


@pytest.fixture(scope="module")
def stack() -> Template:
    return expanded("template.yaml")


@pytest.fixture(scope="module")
def distribution(stack: Template) -> dict[str, Any]:
    config: dict[str, Any] = stack["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    return config


@pytest.fixture(scope="module")
def behaviours(distribution: dict[str, Any]) -> dict[str, Template]:
    ordered = {each["PathPattern"]: each for each in distribution["CacheBehaviors"]}
    return {**ordered, "*": distribution["DefaultCacheBehavior"]}


def behaviour_of(path: str, behaviours: dict[str, Template]) -> Template:
    """Find the behaviour that answers a path: the first whose pattern fits."""
    for pattern, behaviour in behaviours.items():
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path):
            return behaviour
    raise AssertionError(path)


def cached_by(behaviour: Template, stack: Template) -> set[str]:
    """Give the headers that decide which stored answer a request gets."""
    policy = stack["Resources"][behaviour["CachePolicyId"]["Ref"]]["Properties"]
    key = policy["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["EnableAcceptEncodingGzip"] is True
    assert key["EnableAcceptEncodingBrotli"] is False, "no function answers in Brotli"
    return set(key["HeadersConfig"]["Headers"])


@pytest.mark.parametrize(
    "path", ["/a.csv", "/a.parquet", "/", "/-/datasets.json", "/a/-/stats.json", "/-/receipts/x"]
)
def test_an_answer_is_found_by_host_coding_and_key(
    stack: Template, behaviours: dict[str, Template], path: str
) -> None:
    found = cached_by(behaviour_of(path, behaviours), stack)
    assert {"X-Tenant-Host", "X-Accept-Zstd", "X-Api-Key"} <= found


@pytest.mark.parametrize("path", ["/", "/-/datasets.json", "/a/-/schema.json"])
def test_what_can_be_a_page_is_found_by_accept_too(
    stack: Template, behaviours: dict[str, Template], path: str
) -> None:
    assert "Accept" in cached_by(behaviour_of(path, behaviours), stack)


def test_downloads_are_not_stored_twice_for_accept(
    stack: Template, behaviours: dict[str, Template]
) -> None:
    assert "Accept" not in cached_by(behaviour_of("/a.csv", behaviours), stack)


def test_nothing_is_kept_that_does_not_say_for_how_long(stack: Template) -> None:
    for policy in resources(stack, "AWS::CloudFront::CachePolicy").values():
        config = policy["CachePolicyConfig"]
        assert (config["MinTTL"], config["DefaultTTL"]) == (0, 0)


@pytest.mark.parametrize("path", ["/jobs", "/v1/jobs", "/v1/jobs/7", "/-/healthz"])
def test_jobs_and_health_are_never_cached(behaviours: dict[str, Template], path: str) -> None:
    assert behaviour_of(path, behaviours)["CachePolicyId"] == UNCACHED


def test_errors_are_never_kept(distribution: dict[str, Any]) -> None:
    kept = {each["ErrorCode"]: each for each in distribution["CustomErrorResponses"]}
    customisable = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
    assert set(kept) == customisable
    assert all(each["ErrorCachingMinTTL"] == 0 for each in kept.values())
    assert all("ResponsePagePath" not in each for each in kept.values())


def test_the_json_api_takes_every_method_and_nothing_else_takes_a_body(
    behaviours: dict[str, Template],
) -> None:
    for pattern, behaviour in behaviours.items():
        methods = set(behaviour["AllowedMethods"])
        assert ("POST" in methods) is (pattern == "/v1/*"), pattern
        is_of_api = pattern in {"/v1/*", "/jobs"}
        assert (behaviour["TargetOriginId"] == "api") is is_of_api, pattern


def test_every_request_passes_the_viewer_function_over_tls_and_uncompressed(
    behaviours: dict[str, Template],
) -> None:
    function = {"Fn::GetAtt": ["ViewerFunction", "FunctionMetadata.FunctionARN"]}
    for pattern, behaviour in behaviours.items():
        associated = [{"EventType": "viewer-request", "FunctionARN": function}]
        assert behaviour["FunctionAssociations"] == associated
        expected = "redirect-to-https" if pattern == "/" else "https-only"
        assert behaviour["ViewerProtocolPolicy"] == expected
        assert behaviour["Compress"] is False
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "SecurityHeaders"}


def test_origins_are_never_told_another_host_than_their_own(
    stack: Template, behaviours: dict[str, Template]
) -> None:
    policies = resources(stack, "AWS::CloudFront::OriginRequestPolicy")
    for behaviour in behaviours.values():
        policy = policies[behaviour["OriginRequestPolicyId"]["Ref"]]["OriginRequestPolicyConfig"]
        config = policy["HeadersConfig"]
        headers = {name.lower() for name in config["Headers"]}
        assert config["HeaderBehavior"] == "whitelist"
        assert "host" not in headers
        assert SECRET_HEADER not in headers
        assert "cloudfront-viewer-address" in headers


def test_the_json_api_is_told_the_tenants_host_and_the_key(stack: Template) -> None:
    policy = stack["Resources"]["ApiRequests"]["Properties"]["OriginRequestPolicyConfig"]
    assert {"X-Tenant-Host", "X-Api-Key"} <= set(policy["HeadersConfig"]["Headers"])


def test_policies_keep_to_cloudfronts_quotas(stack: Template) -> None:
    for policy in resources(stack, "AWS::CloudFront::OriginRequestPolicy").values():
        headers = policy["OriginRequestPolicyConfig"]["HeadersConfig"]["Headers"]
        assert len(headers) <= MOST_HEADERS
    for policy in resources(stack, "AWS::CloudFront::CachePolicy").values():
        key = policy["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert len(key["HeadersConfig"]["Headers"]) <= MOST_HEADERS


def test_function_urls_are_called_signed_and_the_gateway_with_the_secret(
    distribution: dict[str, Any],
) -> None:
    origins = {
        origin["Id"]: origin
        for each in distribution["Origins"]
        for origin in [each["Fn::If"][1] if "Fn::If" in each else each]
    }
    assert set(origins) == {"downloads", "standby", "api"}
    for name, origin in origins.items():
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert ("OriginAccessControlId" in origin) is (name != "api")
    (header,) = origins["api"]["OriginCustomHeaders"]
    assert header["HeaderName"] == SECRET_HEADER
    assert header["HeaderValue"] == {
        "Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"
    }


def test_the_origin_secret_is_made_and_rotated_by_aws(stack: Template) -> None:
    secret = stack["Resources"]["OriginSecret"]["Properties"]
    assert "SecretString" not in secret
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert secret["GenerateSecretString"]["ExcludePunctuation"] is True, "it is a header's value"
    rotation = stack["Resources"]["OriginSecretRotation"]["Properties"]
    assert rotation["RotationLambdaARN"] == {"Fn::GetAtt": ["RotateOriginSecretFunction", "Arn"]}
    assert rotation["RotationRules"]


def test_requests_to_the_gateways_are_throttled_and_logged_without_their_query(
    stack: Template,
) -> None:
    stages = resources(stack, "AWS::ApiGatewayV2::Stage").values()
    assert len(stages) == 2
    for stage in stages:
        assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
        assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"]
        written = set(re.findall(r"\$context\.[A-Za-z.]+", stage["AccessLogSettings"]["Format"]))
        assert written
        assert not [name for name in written if re.search("query|header|authorizer|identity", name)]


def test_access_logs_of_the_edge_hold_no_query_cookie_or_referrer() -> None:
    (delivery,) = resources(expanded("edge/watch.yaml"), "AWS::Logs::Delivery").values()
    fields = set(delivery["RecordFields"])
    assert {"cs-uri-stem", "sc-status", "x-host-header", "time-to-first-byte"} <= fields
    assert not fields & {"cs-uri-query", "cs(Cookie)", "cs(Referer)"}


@pytest.fixture(scope="module")
def rules() -> dict[str, Template]:
    (acl,) = resources(expanded("edge/firewall.yaml"), "AWS::WAFv2::WebACL").values()
    assert len({rule["Priority"] for rule in acl["Rules"]}) == len(acl["Rules"])
    return {rule["Name"]: rule for rule in acl["Rules"]}


@pytest.mark.parametrize(
    ("rule", "parameter"),
    [
        ("anonymous-callers", "AnonymousRequestsPerMinute"),
        ("all-callers", "AddressRequestsPerMinute"),
    ],
)
def test_the_firewall_holds_addresses_to_a_rate_and_tells_them(
    rules: dict[str, Template], rule: str, parameter: str
) -> None:
    rate = rules[rule]["Statement"]["RateBasedStatement"]
    assert rate["AggregateKeyType"] == "IP"
    assert rate["Limit"] == {"Ref": parameter}
    assert rate["EvaluationWindowSec"] == 60
    (acl,) = resources(expanded("edge/firewall.yaml"), "AWS::WAFv2::WebACL").values()
    answer = rules[rule]["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429
    body = json.loads(acl["CustomResponseBodies"][answer["CustomResponseBodyKey"]]["Content"])
    assert (body["type"], body["status"]) == ("urn:penstock:problem:rate-limited", 429)
    for name in ("template.yaml", "edge/firewall.yaml"):
        parameters = expanded(name)["Parameters"]
        anonymous = parameters["AnonymousRequestsPerMinute"]["Default"]
        assert parameters["AddressRequestsPerMinute"]["Default"] > anonymous


def test_the_firewall_counts_every_request_of_an_address(rules: dict[str, Template]) -> None:
    rate = rules["all-callers"]["Statement"]["RateBasedStatement"]
    assert "ScopeDownStatement" not in rate, "keys that are made up would get around it"


def has_a_keys_form(token: str, rules: dict[str, Template]) -> bool:
    """Whether the firewall takes who sends this text for more than an anonymous caller."""
    rate = rules["anonymous-callers"]["Statement"]["RateBasedStatement"]
    with_key = rate["ScopeDownStatement"]["NotStatement"]["Statement"]["RegexMatchStatement"]
    assert with_key["FieldToMatch"] == {"SingleHeader": {"Name": "x-api-key"}}
    assert with_key["TextTransformations"] == [{"Priority": 0, "Type": "NONE"}]
    return re.search(with_key["RegexString"], token) is not None


def test_a_key_that_was_made_is_one_for_the_firewall(rules: dict[str, Template]) -> None:
    now = datetime.now(UTC)
    for _ in range(100):
        _, token = new_key(tenant="acme", user="ada", role="reader", created=now)
        assert has_a_keys_form(token, rules)


@given(
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))
    | st.from_regex(r"(x|pk_)?[a-z0-9]{7,9}_[A-Za-z0-9_-]{42,44}[ ,;]?", fullmatch=True)
)
def test_the_firewall_and_the_app_agree_on_a_keys_form(
    rules: dict[str, Template], token: str
) -> None:
    assert has_a_keys_form(token, rules) is (split_token(token) is not None)


def test_the_firewall_lets_any_query_through_and_logs_none(rules: dict[str, Template]) -> None:
    firewall = expanded("edge/firewall.yaml")
    common = rules["common"]["Statement"]["ManagedRuleGroupStatement"]
    counted = {each["Name"] for each in common["RuleActionOverrides"]}
    assert "SizeRestrictions_QUERYSTRING" in counted, "a query may have 8 KiB"
    assert {name for name in counted if name.endswith("_QUERYARGUMENTS")}
    (logging,) = resources(firewall, "AWS::WAFv2::LoggingConfiguration").values()
    assert {"QueryString": {}} in logging["RedactedFields"]
    assert {"SingleHeader": {"Name": "x-api-key"}} in logging["RedactedFields"]


def test_answers_may_not_be_sniffed_framed_or_fetched_without_tls(stack: Template) -> None:
    policy = stack["Resources"]["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    headers = policy["SecurityHeadersConfig"]
    assert headers["ContentTypeOptions"] == {"Override": True}
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
    assert headers["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"


def test_old_tls_cannot_be_chosen(stack: Template, distribution: dict[str, Any]) -> None:
    certificate = distribution["ViewerCertificate"]["Fn::If"][1]
    assert certificate["MinimumProtocolVersion"] == {"Ref": "MinimumTls"}
    minimum = stack["Parameters"]["MinimumTls"]
    assert minimum["Default"] == "TLSv1.2_2021"
    assert all(re.match(r"TLSv1\.[23]_202\d", value) for value in minimum["AllowedValues"])


def test_the_viewer_function_in_the_template_is_the_file(stack: Template) -> None:
    inlined = stack["Resources"]["ViewerFunction"]["Properties"]
    code = (ROOT / "edge" / "viewer-request.js").read_text(encoding="utf-8")
    assert inlined["FunctionCode"] == code, "run `make edge`"
    assert inlined["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert inlined["AutoPublish"] is True


def test_the_viewer_function_keeps_to_cloudfronts_quotas() -> None:
    code = (ROOT / "edge" / "viewer-request.js").read_text(encoding="utf-8")
    assert len(code.encode()) <= 10_240
    # The runtime is ECMAScript 5.1 with parts of 6 to 12; these are none of them.
    assert not re.search(r"\bfor \(const|\bclass\b|\bimport\b|\brequire\(|\?\?|\?\.", code)
