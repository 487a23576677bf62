"""`python3 -m unittest` in this folder, with the environment that run.py makes."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

from cache import Rows, digest
from method import Balanced
from scores import Scores, interval
from streams import validation


class Validation(unittest.TestCase):
    def setUp(self):
        # Groups a and b are trained on, c is tested.
        self.group_of = ["a", "b", "c"] * 1000
        clips = [clip for clip in range(3000) if self.group_of[clip] != "c"]
        self.test = [clip for clip in range(3000) if self.group_of[clip] == "c"]
        halves = clips[:1000], clips[1000:]
        self.stream = {
            "tasks": [{"name": "", "clips": half, "labels": half, "tested": self.test} for half in halves],
            "train": clips,
            "test": self.test,
        }

    def test_validation_uses_no_test_clip(self):
        made = validation(self.stream, self.group_of, "b")
        used = {clip for task in made["tasks"] for clip in task["clips"] + task["tested"]}
        self.assertFalse(used & set(self.test))
        self.assertFalse(set(made["test"]) & set(self.test))

    def test_learned_and_tested_groups_differ(self):
        made = validation(self.stream, self.group_of, "b")
        learned = {clip for task in made["tasks"] for clip in task["clips"]}
        self.assertEqual({self.group_of[clip] for clip in learned}, {"a"})
        self.assertEqual({self.group_of[clip] for clip in made["test"]}, {"b"})

    def test_a_task_keeps_the_labels_of_its_clips(self):
        made = validation(self.stream, self.group_of, "b")
        self.assertEqual(sum(len(task["clips"]) for task in made["tasks"]), 1000)
        for task in made["tasks"]:
            self.assertEqual(task["clips"], task["labels"])


class Memory(unittest.TestCase):
    def test_a_full_memory_balances_its_classes(self):
        memory = Balanced(20, np.random.default_rng(0))
        for label in (0, 1, 2, 3):
            for row in range(100):
                memory.insert(row, label)
        counts = [memory.labels.count(label) for label in range(4)]
        self.assertEqual(sum(counts), 20)
        self.assertGreaterEqual(min(counts), 4)


class Summing(unittest.TestCase):
    def test_a_seed_with_missing_groups_is_ignored(self):
        def cell(name, seed, end, share=1.0):
            return {"name": name, "seed": seed, "accuracy_after": [1.0, end], "share": share}

        row = {"cells": [cell("a/0", 0, 0.5), cell("b/0", 0, 0.7), cell("a/1", 1, 0.9)]}
        scores = Scores(row, ["a", "b"])
        self.assertEqual((scores.seeds, scores.partial), (1, None))
        self.assertAlmostEqual(scores.final[0], 0.6)

    def test_the_interval_uses_students_t(self):
        self.assertAlmostEqual(interval([0.0, 2.0]), 12.706, places=3)
        self.assertIsNone(interval([1.0]))


class Cache(unittest.TestCase):
    def test_rows_are_stored_and_failures_are_not(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = Rows(Path(folder))
            self.assertEqual(rows.get("k", lambda: {"error": "no"}), {"error": "no"})
            self.assertEqual(rows.get("k", lambda: {"x": 1}), {"x": 1})
            self.assertEqual(rows.get("k", lambda: {"x": 2}), {"x": 1})
            self.assertEqual(Rows(Path(folder), fresh=True).get("k", lambda: {"x": 3}), {"x": 3})

    def test_different_bytes_have_different_digests(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "f"
            file.write_text(json.dumps(1))
            first = digest(file, text="a")
            file.write_text(json.dumps(22))
            self.assertNotEqual(first, digest(file, text="a"))
            self.assertNotEqual(digest(text="a"), digest(text="b"))


if __name__ == "__main__":
    unittest.main()
