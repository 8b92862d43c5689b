aidetect version --format json | jq -r 'keys_unsorted | join(" ")'
aidetect version --format json | jq -e '.libraries | length >= 8 and all(test("^[0-9]+[.]"))'
