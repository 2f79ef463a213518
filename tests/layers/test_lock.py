import re

from layers.lock import (
    DATABASE,
    ENGINE,
    LAYERS,
    LEFT_OUT,
    canonical,
    locked,
    pinned,
    requirements_of,
)
from tests.function_package import ROOT

_ENTRY = re.compile(r"^\S+==\S+(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", re.MULTILINE)


def test_each_layer_has_what_pyproject_pins_at_the_same_version() -> None:
    wanted = pinned(ROOT / "pyproject.toml")
    for layer in LAYERS:
        versions = locked(requirements_of(layer))
        for requirement in wanted[layer]:
            version = requirement.partition("==")[2].partition(";")[0].strip()
            assert versions.get(canonical(requirement)) == version, (
                f"{requirement}: run `make -C layers lock`"
            )


def test_no_package_is_in_two_layers() -> None:
    names = [name for layer in LAYERS for name in locked(requirements_of(layer))]
    assert len(names) == len(set(names))


def test_every_locked_package_has_hashes() -> None:
    for layer in LAYERS:
        text = requirements_of(layer).read_text(encoding="utf-8")
        entries = _ENTRY.findall(text)
        assert len(entries) == len(locked(requirements_of(layer))) == text.count("==")


def test_what_is_named_by_hand_is_still_a_requirement() -> None:
    everything = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ENGINE | DATABASE | LEFT_OUT:
        assert re.search(rf'"{name}(\[\w+\])?==', everything), name
    assert not LEFT_OUT & {name for layer in LAYERS for name in locked(requirements_of(layer))}


def test_names_compare_as_the_packaging_specifications_say() -> None:
    assert canonical("Types_PyYAML==6.0") == "types-pyyaml"
    assert canonical("moto[s3,ssm]==5") == "moto"
    assert canonical("uvloop==0.23.0; sys_platform != 'win32'") == "uvloop"
