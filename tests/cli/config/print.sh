# Every value says where it came from, and what is printed is a file that says the same.
unset AIDETECT_CONFIG
printf 'queue:\n  max: 5\nlog:\n  level: warn\n' >file.yaml
AIDETECT_WORKERS=3 aidetect config print file.yaml --set threshold=0.25 >printed.yaml
grep -E '^workers|^threshold|^ +max:|^ +level:|^listen' printed.yaml
aidetect config print printed.yaml | sed 's/  #.*//' >again
sed 's/  #.*//' printed.yaml | cmp - again && echo same
AIDETECT_QUEUE_MAX=6 aidetect serve --config file.yaml --print-config --queue 7 | grep -E '^ +(max|level):'
# The committed files are what the table says today.
"$AIDETECT_SOURCE/tools/generate.sh" --check "$(command -v aidetect)" && echo fresh
