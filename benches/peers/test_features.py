"""`python3 -m unittest` in this folder, with the environment that run.py makes."""

import unittest

import numpy as np

from features import FLOOR, HOP_SAMPLES, WINDOW_SAMPLES, features, windows


class Features(unittest.TestCase):
    def setUp(self):
        seconds = np.arange(WINDOW_SAMPLES) / 50
        self.wave = np.sin(2 * np.pi * 4 * seconds)
        batch = np.zeros((1, WINDOW_SAMPLES, 6))
        batch[0, :, 0] = self.wave + 2
        batch[0, :, 1] = -self.wave
        self.row = features(batch)[0]

    def test_a_sine_has_its_mean_frequency_and_band(self):
        of_first = self.row[: 18 * 8].reshape(18, 8)[:, 0]
        self.assertAlmostEqual(of_first[0], 2, places=5)
        self.assertAlmostEqual(of_first[1], np.sqrt(0.5), places=2)
        bands = of_first[9:17]
        self.assertEqual(int(bands.argmax()), 5, "4 Hz lies between 3 and 5")
        self.assertAlmostEqual(of_first[17], 4, places=5)

    def test_opposite_axes_correlate_to_minus_one_and_silent_ones_to_nothing(self):
        correlations = self.row[18 * 8 :]
        self.assertEqual(len(correlations), 15)
        self.assertAlmostEqual(correlations[0], -1, places=4)
        self.assertEqual(correlations[1], 0)

    def test_silence_is_finite(self):
        row = features(np.zeros((1, WINDOW_SAMPLES, 6)))[0]
        self.assertTrue(np.isfinite(row).all())
        self.assertAlmostEqual(float(row.min()), np.log(FLOOR), places=4)

    def test_windows_overlap_by_half_and_never_reach_past_the_end(self):
        cut = windows(np.arange(400.0)[:, None].repeat(6, axis=1))
        self.assertEqual(cut.shape, (4, WINDOW_SAMPLES, 6))
        self.assertEqual(list(cut[:, 0, 0]), [0, HOP_SAMPLES, 2 * HOP_SAMPLES, 3 * HOP_SAMPLES])


if __name__ == "__main__":
    unittest.main()
