"""`python -m worker_faults STYLE`: how clusters end that cannot work, as JSON by scenario."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from clusters import Clusters, Outcome
from shared.checkpoints import claim_folder
from shared.tools.workers.cluster import Cluster, Task, on_loopback

PATIENCE = 4.0  # seconds that the processes wait for each other


def never_comes(clusters: Clusters, folder: Path, missing: Task) -> Outcome:
    """One process sleeps instead of coming."""
    config = clusters.program.Config(checkpoint_dir=str(folder), patience=PATIENCE)

    def work(task: Task) -> int:
        if task == missing:
            time.sleep(100)
        return clusters.train(config)

    return clusters.run_work(on_loopback(clusters.style, 2, 1), work)


def second_cluster(clusters: Clusters, folder: Path) -> Outcome:
    """This process trains into the folder already."""
    with claim_folder(str(folder)):
        return clusters.run(folder, patience=PATIENCE)


def port_taken(clusters: Clusters, folder: Path) -> Outcome:
    """Two workers are told the same port: the second finds it taken."""
    config = clusters.program.Config(checkpoint_dir=str(folder), patience=PATIENCE)
    cluster = on_loopback(clusters.style, 2, 1)
    twice = Cluster((cluster.workers[0],) * 2, cluster.servers)

    def work(task: Task) -> int:
        if str(task) == "worker 1":
            time.sleep(2)  # until worker 0 listens
        return clusters.train(config)

    return clusters.run_work(twice, work)


def keras_fit(clusters: Clusters) -> Outcome:
    """`fit` under a MultiWorkerMirroredStrategy of two workers, each of which tells what it got."""
    import tensorflow as tf

    def work(task: Task) -> int:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        with strategy.scope():
            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile("sgd", "mse")
        try:
            model.fit(tf.ones([8, 2]), tf.ones([8, 1]), batch_size=4, verbose=0)
        except Exception as error:
            print(f"raised {type(error).__name__} {' '.join(str(error).split())}")
        return 0

    return clusters.run_work(on_loopback(clusters.style, 2, 0), work)


def keras_fit_with_servers(clusters: Clusters) -> Outcome:
    """`fit` under a ParameterServerStrategy, all of whose servers run in one process."""
    import tensorflow as tf

    def work(task: Task) -> int:
        del os.environ["TF_CONFIG"]
        made = on_loopback("tf1_style", 1, 1)
        spec = tf.train.ClusterSpec({"worker": list(made.workers), "ps": list(made.servers)})
        servers = [tf.distribute.Server(spec, job_name=job, task_index=0) for job in spec.jobs]
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, rpc_layer="grpc")
        with tf.distribute.ParameterServerStrategy(resolver).scope():
            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile("sgd", "mse")
        try:
            model.fit(tf.ones([8, 2]), tf.ones([8, 1]), batch_size=4, verbose=0)
        except Exception as error:
            print(f"raised {type(error).__name__} {' '.join(str(error).split())}", flush=True)
        assert servers
        return 0

    return clusters.run_work(on_loopback("tf2_style", 1, 0), work)


def listening(clusters: Clusters) -> Outcome:
    """A server whose address is on loopback; it tells on which interfaces it listens."""
    import tensorflow.compat.v1 as tf

    def work(task: Task) -> int:
        address = on_loopback("tf2_style", 1, 0).workers[0]
        server = tf.train.Server({"worker": [address]}, job_name="worker", task_index=0)
        port = f":{int(address.rpartition(':')[2]):04X}"
        tables = (Path("/proc/net", table).read_text() for table in ("tcp", "tcp6"))
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        (found,) = {row[1].removesuffix(port) for row in rows if row[1].endswith(port)}
        print("listens", found)
        assert server
        return 0

    return clusters.run_work(on_loopback("tf2_style", 1, 0), work)


def main() -> None:
    """Prints what came of each scenario."""
    style = sys.argv[1]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        clusters = Clusters(style, 2, 5, work)
        found["worker never comes"] = never_comes(clusters, work / "a", Task("worker", 1))
        if style == "tf1_style":
            found["server never comes"] = never_comes(clusters, work / "b", Task("ps", 0))
        found["second cluster"] = second_cluster(clusters, work / "c")
        found["port taken"] = port_taken(clusters, work / "d")
        if style == "tf2_style":
            found["fit"] = keras_fit(clusters)
            found["fit with servers"] = keras_fit_with_servers(clusters)
            found["listening"] = listening(clusters)
    print(json.dumps({name: dataclasses.asdict(outcome) for name, outcome in found.items()}))


if __name__ == "__main__":
    main()
