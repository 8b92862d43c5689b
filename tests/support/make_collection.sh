# Sourced by the tests of evaluate: 8 synthetic photos and their manifest in the working folder.
mkdir photos
printf 'file\tlabel\tfamily\tsource\trole\n' >photos/manifest.tsv
for i in 1 2 3 4 5 6 7 8; do
    label=real family=shoes source=shop-$((i % 3)) role=dev
    if [ $((i % 2)) -eq 0 ]; then label=ai family=maker-$((i % 4)) source=gallery; fi
    if [ "$i" -gt 6 ]; then role=train; fi
    make_photo texture-png photos/$i.png "$i"
    printf '%s.png\t%s\t%s\t%s\t%s\n' "$i" $label $family $source $role >>photos/manifest.tsv
done
