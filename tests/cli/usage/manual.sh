# The manual page names every command and every option of every command.
aidetect --man >page
head -1 page | grep -q '^\.TH AIDETECT 1' || echo 'no title'
for command in $(aidetect --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    grep -q "^\.SS aidetect $command" page || echo "no section for $command"
    for option in $(aidetect "$command" --help | grep -o -- '^ .*--[a-z]*' | grep -o -- '--[a-z]*$'); do
        [ "$option" = --help ] && continue
        sed -n "/^\.SS aidetect $command/,/^\.SS\|^\.SH/p" page | tr -d '\\' | grep -q -- "fB$option" ||
            echo "$command: $option is missing"
    done
done
