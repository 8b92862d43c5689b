/* Applies the stored choice of light or dark before the first paint; a plain script for that
 * reason.  Without a choice the system's preference holds. */
'use strict';

(() => {
    const KEY = 'aidetect.theme';
    const root = document.documentElement;

    function stored() {
        try {
            return localStorage.getItem(KEY);
        } catch {
            return null; /* storage is switched off */
        }
    }

    function apply(theme) {
        if (theme === 'light' || theme === 'dark')
            root.dataset.theme = theme;
        else
            delete root.dataset.theme;
    }

    function choose(theme) {
        apply(theme);
        try {
            if (theme === 'system')
                localStorage.removeItem(KEY);
            else
                localStorage.setItem(KEY, theme);
        } catch {
            /* the choice lasts as long as the page */
        }
    }

    apply(stored());
    window.aidetectTheme = { choose, current: () => root.dataset.theme || 'system' };
})();
