# Counts test cases: awk -f count_tests.awk WHAT_CTEST_PRINTED LastTest.log
# The first file says how each test ended, the second holds cmocka's own figures; a test without
# such figures counts as one.  Prints "PASSED FAILED SKIPPED".
function close_test() {
    if (name == "") return
    if (ending[name] == "skip") skipped += 1
    else if (ending[name] == "fail") { passed += p; failed += (f > 0 ? f : 1) }
    else if (p + s > 0) { passed += p; skipped += s }
    else passed += 1
    name = ""
}
FNR == NR {
    if (match($0, /Test +#[0-9]+: +[^ ]+/)) {
        split(substr($0, RSTART, RLENGTH), words, /: +/)
        ending[words[2]] = /\*\*\*Skipped/ ? "skip" : / Passed / ? "pass" : "fail"
    }
    next
}
/^[0-9]+\/[0-9]+ Testing: / { close_test(); name = $3; p = f = s = 0 }
/^\[  PASSED  \] [0-9]+ test/ { p += $4 }
/^\[  FAILED  \] [0-9]+ test/ { f += $4 }
/^\[  SKIPPED \] [0-9]+ test/ { s += $4 }
END { close_test(); print passed + 0, failed + 0, skipped + 0 }
