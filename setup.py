"""Where the packages lie; all else is in pyproject.toml.

The folder datasets/ has one builder for each data set. It is installed inside the package, because
the name `datasets` belongs to Hugging Face.
"""

import setuptools
from setuptools.command.build_py import build_py

BUILDERS = {
    f"tf_nonlinear3dmm.data.builders.{name}": f"datasets/{name.replace('.', '/')}"
    for name in setuptools.find_packages("datasets")
}


class WithoutTests(build_py):
    """Leaves out the tests, which lie beside the builders."""

    def find_package_modules(self, package, package_dir):
        """The modules of a package, without tests and their conftest."""
        modules = super().find_package_modules(package, package_dir)
        return [m for m in modules if m[1] != "conftest" and not m[1].endswith("_test")]


setuptools.setup(
    packages=[*setuptools.find_packages(include=["tf_nonlinear3dmm*"]), *BUILDERS],
    package_dir=BUILDERS,
    cmdclass={"build_py": WithoutTests},
)
