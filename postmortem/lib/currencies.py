"""Which three letters are a currency, and with how many digits after the point its
amounts are written: ISO 4217.

Source: the maintenance agency's lists one (in use) and three (withdrawn), as published
by the data set `datasets/currency-codes` (public domain), state of 1 February 2026.
Withdrawn codes are kept from 2010 on: an incident may be older than the list. XXX (no
currency) and XTS (for tests) are left out: they are no money.
"""

from __future__ import annotations

from decimal import Decimal

IN_USE = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL
    BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK
    DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
    KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES
    VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU
    XUA YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905
)
WITHDRAWN = frozenset(
    """
    ANG BGN BYR CUC EEK HRK LTL LVL MRO SLL STD USS VEF ZMK ZWL
    """.split()  # noqa: SIM905
)
# The minor unit, where it is not the usual two digits.
MINOR_DIGITS = (
    dict.fromkeys(
        """
        BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
        """.split(),  # noqa: SIM905
        0,
    )
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
)


def is_currency(code: str) -> bool:
    """Whether `code` (capitals) is or was a currency."""
    return code in IN_USE or code in WITHDRAWN


def minor_digits(code: str) -> int:
    """How many digits after the point an amount in `code` (capitals) is written with;
    two where nothing else is known."""
    return MINOR_DIGITS.get(code, 2)


def decimals(amount: Decimal) -> int:
    """How many digits after the point it takes to write an amount, closing zeros
    apart."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
