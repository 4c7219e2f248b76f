"""Graphs made, changed, matched, split and run: what is printed is what PyTorch prints."""

import json

import graph_scripts
import pytest
from fx_texts import SCRIPTS

import tidu as torch
import tidu.fx.passes.infra.pass_base
import tidu.fx.passes.infra.pass_manager
import tidu.fx.passes.shape_prop
import tidu.fx.passes.split_module

WANTED = json.loads(SCRIPTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", graph_scripts.SCRIPTS, ids=lambda f: f.__name__)
def test_prints_what_pytorch_prints(script):
    assert graph_scripts.printed(torch, script) == WANTED[script.__name__]
