"""The autoencoder's reconstruction error."""

import numpy as np
import torch

from medtail.methods import autoencoder


def test_reconstruction_error_is_a_mean_square():
    rebuilt, image = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    expected = [
        np.mean((np.asarray(a) - np.asarray(b)) ** 2) for a, b in zip(rebuilt, image, strict=True)
    ]
    np.testing.assert_allclose(
        autoencoder.reconstruction_error(rebuilt, image), expected, rtol=1e-5
    )
