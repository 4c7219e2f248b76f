"""Types that are kept and not computed with, in compiled functions."""

import pytest

import tidu as torch

pytest.importorskip("ml_dtypes", minversion="0.6")


def made():
    return torch.complex(torch.arange(6.0), torch.ones(6)).reshape(2, 3).to(torch.complex32)


def test_views_and_conversions_are_as_eager():
    def viewed(x):
        return x[1:].to(torch.complex64), x.mT[0].to(torch.complex64)

    x = made()
    for got, wanted in zip(torch.compile(viewed)(x), viewed(x), strict=True):
        assert torch.equal(got, wanted)


def test_a_division_of_a_part_is_refused_in_the_same_words():
    def divided(x):
        return x[1:] / x[:1]

    for run in (divided, torch.compile(divided)):
        with pytest.raises(NotImplementedError, match='"div_cpu" not implemented for \'Complex'):
            run(made())
