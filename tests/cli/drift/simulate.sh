# Seeded, small: a whole new generator is found at once, without a change nothing is.
options='--runs 5 --control 0.05 --baseline-size 5000 --predictions 10000 --patience 5000 --seed 3'
# shellcheck disable=SC2086  # words are meant
aidetect drift simulate $options --share 1 --format csv | cut -d, -f1-5,8,9
# shellcheck disable=SC2086
aidetect drift simulate $options --scenario threshold --share 0 --format csv | tail -1 | cut -d, -f1-5,8,9
# shellcheck disable=SC2086
aidetect drift simulate $options --scenario confidence --share 0.2 | tail -1 | cut -c1-60
printf 'label,family,probability\nreal,shop,0.1\nai,old,0.9\nai,fresh,0.4\n' >scores.csv
# shellcheck disable=SC2086
aidetect drift simulate $options --share 1 --scores scores.csv --family fresh --format csv | tail -1 | cut -d, -f1,8,9
# As `evaluate --scores` writes them: of tier T1 alone.
printf 'file\tlabel\tfamily\ttier\tprobability\na\treal\tshop\tT1\t0.1\nb\tai\told\tT1\t0.9\n' >scores.tsv
printf 'c\tai\tfresh\tT0\t0.9\nd\tai\tfresh\tT1\t0.4\ne\tai\tfresh\tT3\t0.9\n' >>scores.tsv
# shellcheck disable=SC2086
aidetect drift simulate $options --share 1 --scores scores.tsv --family fresh --format csv | tail -1 | cut -d, -f1,8,9
# Senders in bursts: they count as one.
# shellcheck disable=SC2086
aidetect drift simulate $options --burst 50 --share 1 --format csv | tail -1 | cut -d, -f1-5,8,9
# shellcheck disable=SC2086
aidetect drift simulate $options --burst 50 --grouping off --burst-limit 1000 --share 1 --format csv | tail -1 |
    awk -F, '{ print $1, ($5 > 5 ? "alarms without a change" : "no alarms") }'
