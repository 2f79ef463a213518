"""Dataset slice: any query over a dataset, for results that are too large for one response."""

from penstock.exports.declaration import ExportType, SliceSource
from penstock.exports.slice_query import SliceParameters

EXPORT = ExportType(
    name="dataset-slice",
    title="Any slice of a dataset",
    source=SliceSource(),
    parameters=SliceParameters,
    size="medium",
    role=None,
)
