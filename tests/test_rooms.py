"""The tests stand in the same rooms as what they test."""

from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "reassess"
# What tests more than one module of its room.
OF_SEVERAL = {
    "aggregation/test_scales.py": "every method, on answers on any scale",
    "aggregation/test_class_votes.py": "every method, on votes for one class an image",
    "annotation/app/test_bounds.py": "what a request may take of the server",
    "annotation/app/test_browser.py": "the pages of a campaign, in a browser",
    "annotation/test_campaigns.py": "a campaign from its making to its votes",
    "annotation/test_digits.py": "a campaign of digits, from raters whose matrices are known to labels",
    "annotation/app/test_proxy.py": "the pages behind nginx, and the unit of the service",
    "annotation/app/test_keeper_browser.py": "the page of a keeper, in a browser",
    "annotation/store/test_plans.py": "the statements of what raters ask and say",
    "annotation/test_commands.py": "the commands of a campaign that is kept on a server",
    "annotation/test_packages.py": "the packages that a campaign needs",
    "annotation/test_races.py": "the store of a campaign under processes that race",
    "annotation/test_simulation.py": "the store of a campaign under raters, a clock and crashes",
    "cli/test_answers.py": "every command that reads answers",
    "cli/test_class_votes.py": "every command that takes votes, on votes for one class an image",
    "cli/test_main.py": "the command line as a whole",
    "cli/test_outputs_first.py": "every command that writes a file",
    "cli/test_several_files.py": "every command that reads several files",
    "cli/test_golden_apart.py": "every command that takes votes, on golden questions that were asked as golden alone",
    "cli/test_stopped_votes.py": "every command that takes votes, on those that a stop rule ended",
    "cli/test_label_set_names.py": "every command that judges, by label sets of any name",
    "cli/test_named_benchmark.py": "every command, on a folder with classes by name",
    "cli/test_numbered_classes.py": "classes called by numbers, from votes to evaluation",
    "cli/test_own_benchmark.py": "evaluate and its readers, on labels by name",
    "evaluation/test_lists_of_classes.py": "predictions and labels in different lists of classes",
    "evaluation/test_unknown_classes.py": "predictions of no class, in every number",
    "core/test_class_votes.py": "votes for one class an image, and their posteriors",
    "formats/test_answers.py": "the answers of votes that are read, of any type",
    "formats/test_class_votes.py": "the tables of votes for one class an image",
    "formats/test_documented_forms.py": "every reader, on the forms that docstrings show",
    "formats/test_named_classes.py": "every reader of classes by name",
    "formats/test_paths.py": "every reader and writer",
    "faults/test_faults.py": "all that writes, when it is stopped or has no room",
    "fuzz/test_fuzz.py": "every reader and command, on mutated files",
    "integrations/test_agreement.py": "every integration, compared with evaluate",
    "cleaning/test_people_s_labels.py": "what cleaning is worth on labels that people gave",
    "integrations/test_training.py": "parts of folds, classes and targets, in every framework that has data sets",
    "report/test_browser.py": "the whole page, in a browser",
    "report/test_label_set_names.py": "every section and chart, by label sets of any name",
}


def test_every_file_of_tests_is_named_after_a_module_or_package_of_its_room() -> None:
    files = [path.relative_to(TESTS) for path in TESTS.glob("*/**/test_*.py")]
    modules = {str(file): SOURCE / file.parent / file.stem.removeprefix("test_") for file in files}
    of_one = {file for file, at in modules.items() if at.with_suffix(".py").exists() or (at / "__init__.py").exists()}
    assert modules.keys() - of_one == OF_SEVERAL.keys()
