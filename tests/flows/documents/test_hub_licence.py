from __future__ import annotations

import pytest

from medloom.flows.documents.hub_licence import hub_licence, licence_url


@pytest.mark.parametrize(
    ("spdx", "wanted"),
    [
        ("CC-BY-4.0", {"license": "cc-by-4.0"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("ODbL-1.0", {"license": "odbl"}),
        ("GPL-3.0-or-later", {"license": "gpl-3.0"}),
        ("CC-BY-NC-SA-2.5", {"license": "other", "license_name": "cc-by-nc-sa-2.5",
                             "license_link": "https://creativecommons.org/licenses/by-nc-sa/2.5/"}),
        ("CC-BY-4.0 AND MIT", {"license": "other", "license_name": "cc-by-4.0-and-mit"}),
        ("LicenseRef-Internal-Use", {"license": "other", "license_name": "licenseref-internal-use"}),
    ],
)  # fmt: skip
def test_a_licence_is_named_as_the_hub_names_it(spdx, wanted):
    assert hub_licence(spdx) == wanted


def test_an_address_only_where_there_is_one_text():
    assert licence_url("CC0-1.0") == "https://spdx.org/licenses/CC0-1.0.html"
    assert licence_url("MIT OR CC0-1.0") == "" and licence_url("no licence at all") == ""
