# What keys and audit do not take.
unset AIDETECT_CONFIG
try() { aidetect "$@" 2>&1; echo "$?"; }
try keys create
try keys create ''
try keys create a b
try keys list a
try keys destroy a
try keys create a --role root
try keys create a --limit-factor 0
try audit show
try audit verify
aidetect keys create a >/dev/null 2>&1
chmod 644 aidetect-data/keys.json
try keys list
chmod 600 aidetect-data/keys.json
echo '{' >aidetect-data/keys.json
try keys create a
try keys list --set auth.keys=elsewhere.json
try keys list --config absent.yaml
