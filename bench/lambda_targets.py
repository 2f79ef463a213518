"""What the function must reach, each target with what was measured."""

import paced
import pairs
import warm
from lambda_results import Results
from targets import MEGABYTE, TIMES, Target, least, most


def targets(results: Results) -> list[Target]:
    """Give every target of the download function, in the order of its list."""
    found = [
        least(
            f"throughput, times uvicorn's, {source}, slowest case",
            results.pairs.ratio(source), 0.9, TIMES,
        )
        for source in (pairs.LOCAL, pairs.S3)
    ]  # fmt: skip
    first = results.slices.percentile(warm.LOOP, 50, lambda each: each.first)
    found.append(most("first byte of a slice from S3, warm", first and first * 1000, 20, "ms"))
    for where, seconds in results.starts.seconds.items():
        found.append(most(f"cold start, slowest, {where}", max(seconds), 1.5, "s"))
    compressed = [paced.times_plain(results.delivered, each) for each in paced.COMPRESSED]
    ratios = [each for each in compressed if each is not None]
    found.append(
        least("rows a second of compressed CSV, times plain", min(ratios, default=None), 3, TIMES)
    )
    for name in dict.fromkeys(each.dataset for each in results.weights):
        peaks = [each.peak for each in results.weights if each.dataset == name and each.peak]
        peak = max(peaks, default=None)
        found.append(
            most(f"peak memory under the cap, {name}", peak and peak / MEGABYTE, 256, "MB")
        )
    return found
