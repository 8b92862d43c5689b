# --help works on every command of the overview, whatever else stands on the line.
commands=$(aidetect --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for command in $commands; do
    aidetect "$command" --help | grep -q "^Usage: aidetect $command " || echo "$command: no usage line"
    aidetect "$command" -h | grep -q '^      --\|^  -' || echo "$command: no options"
done
[ "$(echo "$commands" | wc -w)" -ge 5 ] || echo 'commands are missing'
