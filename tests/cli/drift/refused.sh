# What cannot be: said with the value and the limit.
refuse() {
    aidetect drift "$@" 2>&1
    echo "$?"
}
refuse fly
refuse baseline drop
refuse status now
refuse status --url somewhere
refuse history --url http://127.0.0.1:9
refuse status --url http://127.0.0.1:9 --scores scores.csv
refuse status --url http://127.0.0.1:9 --model x
refuse status --url http://127.0.0.1:9 | tail -1
refuse simulate --share 2
refuse simulate --scores scores.csv
printf 'label,probability\nreal,0.5\n' >scores.csv
refuse simulate --scores scores.csv --family x
printf 'family,label,probability\na,real,0.5\na,ai,7\n' >scores.csv
refuse simulate --scores scores.csv --family a
printf 'family,label,probability,embedding\na,real,0.5,0123456789abcdeg\n' >scores.csv
refuse simulate --scores scores.csv --family a
printf 'family,label,probability\na,real,0.5\na,ai,0.7\na,ai,-\n' >scores.csv
refuse simulate --scores scores.csv --family b
refuse status
refuse baseline save
aidetect drift baseline show
aidetect drift history
