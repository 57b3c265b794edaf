"""What breaks the package on purpose keeps up with it."""

from mutate import MUTATIONS, ROOT


def test_every_mutation_finds_its_code_once_and_its_tests():
    for mutation in MUTATIONS:
        text = (ROOT / mutation.file).read_text("utf-8")
        assert text.count(mutation.old) == 1, mutation.name
        assert (ROOT / mutation.tests.split()[0]).exists(), mutation.name
