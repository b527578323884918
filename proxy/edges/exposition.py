"""Hands our counts to the Prometheus library, which writes its text formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.edges.metrics import BOUNDS, Durations, Metrics

PREFIX = "outrigger_"
_LABELS = [*(str(bound) for bound in BOUNDS), "+Inf"]


def render(metrics: Metrics, accept: str) -> tuple[str, bytes]:
    """Content type and text. `accept`: the header of the request; without a wish it is the text format 0.0.4."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(metrics))
    return content_type, encode(registry)


class _Collector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for family, values in self._metrics.counters():
            counter = CounterMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
            for labels, value in sorted(values.items()):
                counter.add_metric(labels, value)
            yield counter
        for family, durations in self._metrics.histograms():
            histogram = HistogramMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
            for upstream, one in sorted(durations.items()):
                histogram.add_metric([upstream], _buckets(one), one.seconds)
            yield histogram
        for family, gauges in self._metrics.gauges():
            gauge = GaugeMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
            for one_value in gauges:
                gauge.add_metric(one_value.labels, one_value.value)
            yield gauge


def _buckets(durations: Durations) -> Sequence[tuple[str, float]]:
    buckets, below = [], 0
    for label, count in zip(_LABELS, durations.counts, strict=True):
        below += count
        buckets.append((label, float(below)))
    return buckets
