"""Where the replicas of a run live: one device, all of this machine, several machines, a TPU."""

import json
import os

import tensorflow as tf

from tf_nonlinear3dmm import configs


def create(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` of a name.

    Args:
        name: "one_device": the first GPU, or the CPU. "mirrored": every GPU of this machine, or
            every logical CPU device where it has none. "multi_worker": the machines that the
            environment variable TF_CONFIG lists. "tpu": the TPU that the environment names.

    Raises:
        ValueError: an unknown name, or TF_CONFIG that does not say what is needed.
    """
    configs.check_choice("strategy", name, tuple(_STRATEGIES))
    return _STRATEGIES[name]()


def is_chief(name: str) -> bool:
    """Whether this process, of a strategy `name`, writes the run's files; raises as `create`."""
    configs.check_choice("strategy", name, tuple(_STRATEGIES))
    if name != "multi_worker":
        return True
    cluster = _cluster()
    task, jobs = cluster["task"], cluster["cluster"]
    return int(task["index"]) == 0 and (task["type"] == "chief" or "chief" not in jobs)


def local_part(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(local replicas, number of this worker): which parts of a batch are computed here."""
    local = strategy.extended._num_replicas_in_sync // _workers(strategy)
    if _workers(strategy) == 1:
        return local, 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", []))
    return local, resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)


def agree(strategy: tf.distribute.Strategy, number: int) -> bool:
    """Whether a number that fits float32 is the same on every worker."""
    if _workers(strategy) == 1:
        return True
    mean = strategy.reduce("MEAN", strategy.run(lambda: tf.constant(float(number))), axis=None)
    return float(mean) == float(number)


def _workers(strategy):
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    jobs = strategy.cluster_resolver.cluster_spec().as_dict()
    return max(1, sum(len(jobs.get(job, [])) for job in ("chief", "worker")))


def _one_device():
    # The default strategy runs on the first GPU, else on the CPU, without any wrapping.
    return tf.distribute.get_strategy()


def _mirrored():
    if tf.config.list_physical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    devices = [f"CPU:{i}" for i, _ in enumerate(tf.config.list_logical_devices("CPU"))]
    # Collective operations of several CPU devices in one process get in each other's way.
    return tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def _multi_worker():
    jobs = _cluster()["cluster"]
    places = ", ".join(place for job in ("chief", "worker") for place in jobs.get(job, []))
    print(f"waiting for the workers {places}", flush=True)
    return tf.distribute.MultiWorkerMirroredStrategy()


def _cluster():
    """TF_CONFIG as a dict."""
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        cluster = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"TF_CONFIG is not JSON: {error}") from None
    cluster = cluster if isinstance(cluster, dict) else {}
    if not cluster.get("cluster") or not {"type", "index"} <= {*cluster.get("task", {})}:
        raise ValueError(
            "strategy `multi_worker` needs the environment variable TF_CONFIG with `cluster` and "
            f"`task`, got {text}; docs/training.md has an example"
        )
    return cluster


def _tpu():
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


_STRATEGIES = {
    "one_device": _one_device,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "tpu": _tpu,
}
